"""Reinforcement learning of an adapter, and of more steps than a run was begun with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mem1.errors import CheckpointError
from mem1.storage.episodes import read_episodes
from mem1.storage.metrics import read_metrics
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.ppo import Ppo
from mem1.train.config import KlConfig, LoraConfig, OptimizerConfig, TrainConfig, may_go_on
from mem1.train.policy.adapters import add_adapter
from mem1.train.policy.policy import Policy
from mem1.train.trainer import Trainer
from tests.e2e.toy import ToyRollout, tiny_policy, toy_run

CONFIG = TrainConfig(
    algorithm=Grpo(),
    steps=4,
    tasks_per_step=2,
    group_size=4,
    optimizer=OptimizerConfig(lr=0.02, warmup=2),
    kl=KlConfig(coef=0.05),
    no_signal_limit=100,
    evaluate_every=0,
    checkpoint_every=3,
)


def adapted_policy() -> Policy:
    policy = tiny_policy()
    add_adapter(policy.model, LoraConfig(r=2, alpha=4), base="toy", seed=1)
    return policy


def train(path: Path, config: TrainConfig, make: Callable[[], Policy], *, resume: bool = False) -> Policy:
    policy = make()
    rollout = ToyRollout(policy, groups=config.tasks_per_step, size=config.group_size)
    Trainer(policy, config, toy_run(path), rollout=rollout).train(resume=resume)
    return policy


def state(policy: Policy) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = policy.model.state_dict()
    return found


def record(path: Path) -> tuple[list[dict[str, Any]], list[object]]:
    """Metrics without clock times, and episodes."""
    rows = [
        {name: value for name, value in row.items() if not name.startswith(("seconds/", "speed/"))}
        for row in read_metrics(path / "metrics.jsonl")
    ]
    return rows, list(read_episodes(path / "episodes" / "train.jsonl.gz"))


@pytest.mark.parametrize(
    "algorithm", [Grpo(), Ppo(critic_lr=1e-2), Ppo(critic="shared")], ids=["grpo", "ppo", "shared"]
)
def test_only_the_adapter_is_trained_and_kl_is_against_the_model_without_it(
    tmp_path: Path, algorithm: Grpo | Ppo
) -> None:
    config = CONFIG.model_copy(update={"algorithm": algorithm})
    before = {name: value.clone() for name, value in state(adapted_policy()).items()}
    after = state(train(tmp_path / "run", config, adapted_policy))
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved
    assert all(".lora_" in name for name in moved)
    rows = [row for row in read_metrics(tmp_path / "run" / "metrics.jsonl") if "policy/kl_reference" in row]
    assert rows[0]["policy/kl_reference"] == pytest.approx(0, abs=1e-7), "a new adapter says what the model says"
    assert rows[-1]["policy/kl_reference"] > 1e-7
    assert all(row["policy/rollout_gap_max"] < 1e-4 for row in rows), "sampler and trainer see the same weights"


@pytest.mark.parametrize("make", [tiny_policy, adapted_policy], ids=["full", "adapter"])
def test_more_steps_on_resume_end_as_if_asked_for_at_once(tmp_path: Path, make: Callable[[], Policy]) -> None:
    more = CONFIG.model_copy(update={"steps": 7})
    at_once = state(train(tmp_path / "once", more, make))
    train(tmp_path / "run", CONFIG, make)
    found = state(train(tmp_path / "run", more, make, resume=True))
    assert all(torch.equal(value, at_once[name]) for name, value in found.items())
    assert record(tmp_path / "run") == record(tmp_path / "once")
    with pytest.raises(CheckpointError, match="different: steps"):
        train(tmp_path / "run", CONFIG, make, resume=True)


def test_what_may_go_on() -> None:
    cosine = CONFIG.model_copy(update={"optimizer": OptimizerConfig(schedule="cosine")})

    def steps(config: TrainConfig, count: int) -> TrainConfig:
        return config.model_copy(update={"steps": count})

    assert may_go_on(CONFIG, steps(CONFIG, 5))
    assert not may_go_on(CONFIG, steps(CONFIG, 4))
    assert not may_go_on(CONFIG, steps(CONFIG, 3))
    assert not may_go_on(cosine, steps(cosine, 5))
    assert not may_go_on(CONFIG, steps(CONFIG, 5).model_copy(update={"seed": 1}))
    assert not may_go_on(CONFIG, steps(cosine, 5))
