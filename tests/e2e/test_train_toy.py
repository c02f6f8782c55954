"""Each algorithm learns a trivial task over rewritten contexts, through the whole trainer."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.storage.metrics import read_metrics
from mem1.train.advantages.config import Algorithm
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.ppo import Ppo
from mem1.train.advantages.reinforce_pp import ReinforcePP
from mem1.train.advantages.rloo import Rloo
from mem1.train.config import KlConfig, OptimizerConfig, TrainConfig
from tests.e2e.toy import toy_trainer

STEPS = 40


@pytest.mark.parametrize(
    ("algorithm", "extra"),
    [
        (Grpo(), {}),
        (Grpo(scale_by_std=False), {"epochs": 2, "minibatches": 2, "normalisation": "episode", "dual_clip": 3.0}),
        (Rloo(), {"kl": KlConfig(coef=0.01, where="reward")}),
        (ReinforcePP(), {"kl": KlConfig(coef=0.01, where="loss"), "entropy_coef": 0.001}),
        (ReinforcePP(subtract_group_mean=False), {}),
        (Ppo(critic_lr=1e-2), {"epochs": 2}),
        (Ppo(critic="shared", critic_lr=1e-2), {"kl": KlConfig(coef=0.01, where="reward")}),
        (Ppo(chain="per_segment", lam=0.9, critic_lr=1e-2), {}),
    ],
    ids=["grpo", "grpo-clipped", "rloo-kl", "reinforce-kl", "reinforce", "ppo", "ppo-shared", "ppo-segments"],
)
def test_learns_to_write_one_token(tmp_path: Path, algorithm: Algorithm, extra: dict[str, object]) -> None:
    config = TrainConfig.model_validate(
        {
            "algorithm": algorithm,
            "steps": STEPS,
            "tasks_per_step": 2,
            "group_size": 16,
            "optimizer": OptimizerConfig(lr=2e-2),
            "checkpoint_every": 100,
            "no_signal_limit": 1000,  # a solved task has no signal left
            **extra,
        }
    )
    _, trainer = toy_trainer(tmp_path / "run", config)
    outcome = trainer.train()
    assert outcome.step == STEPS
    rows = list(read_metrics(tmp_path / "run" / "metrics.jsonl"))
    assert [row["step"] for row in rows] == list(range(1, STEPS + 1))
    assert rows[0]["reward/mean"] < 0.3
    assert rows[-1]["reward/mean"] > 0.8
    # the engine here is the model itself, so rollout and trainer agree before each update
    assert max(row["policy/rollout_gap_max"] for row in rows if "policy/updates" in row) < 1e-4
