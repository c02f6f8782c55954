"""The table of 6, 2, 2 and 2 contexts with rewards 0, 1, 1 and 1, and who trains on it."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from mem1.inference.hf.loading import load_model
from mem1.train.advantages.config import Algorithm
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.ledger import Ledger
from mem1.train.backends.local import LocalBackend
from mem1.train.config import OptimizerConfig, TrainConfig
from mem1.train.policy.optimizer import make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.prepare import Minibatch
from mem1.train.selection import Selection, select
from mem1.train.trainer import Updater
from mem1.types import EpisodeGroup
from tests.e2e.toy import toy_episode

REWARDS = {6: 0.0, 2: 1.0}
TURNS = (6, 2, 2, 2)  # the failing episode takes three times as many contexts as each of the others


def config(algorithm: Algorithm | None = None, **keys: Any) -> TrainConfig:
    settings: dict[str, Any] = {
        "algorithm": algorithm or Grpo(scale_by_std=False),
        "normalisation": "episode",
        "optimizer": OptimizerConfig(lr=1e-3),
        "max_rollout_gap": None,
        "tis_cap": None,
    }
    return TrainConfig.model_validate(settings | keys)


def episodes(names: str = "abcd", group: str = "g") -> EpisodeGroup:
    """Episodes of 6, 2, 2 and 2 turns, each turn a context of its own with two sampled tokens; rewards 0, 1, 1, 1."""
    rng = random.Random(group)
    made = []
    for name, turns in zip(names, TURNS, strict=True):
        written = [([rng.randrange(3, 2000), rng.randrange(3, 2000)], [-7.0, -7.5]) for _ in range(turns)]
        made.append(toy_episode(f"{group}{name}", (1, 2, 3), written, REWARDS[turns], group=group))
    return EpisodeGroup(id=group, episodes=tuple(made))


def selected(*groups: EpisodeGroup) -> Selection:
    return select(groups, compare_in_groups=False)


def prepared(trainer: Updater, train: TrainConfig, *groups: EpisodeGroup) -> list[Minibatch]:
    return trainer.prepare(selected(*(groups or (episodes(),))), Ledger(train, None), random.Random(0))


def local(model: Path, train: TrainConfig) -> LocalBackend:
    policy = Policy(load_model(str(model), device="cpu"), temperature=train.temperature)
    optimizer = make_optimizer(list(policy.model.parameters()), [], train.optimizer, critic_lr=0.0)
    return LocalBackend(policy, None, optimizer, train, view="reference")
