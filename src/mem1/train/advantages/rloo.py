"""RLOO: a leave-one-out baseline (arXiv 2402.14740, equation 8)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mem1.train.advantages.config import Algorithm, Estimate


def rloo(rewards: Sequence[float]) -> list[float]:
    """Each episode's reward less the mean of the group's other episodes; 0 for an episode alone."""
    others = len(rewards) - 1
    if others < 1:
        return [0.0 for _ in rewards]
    total = sum(rewards)
    return [reward - (total - reward) / others for reward in rewards]


class Rloo(Algorithm):
    """Leave-one-out baseline (arXiv 2402.14740): the reward less the mean of the group's others."""

    type: Literal["rloo"] = "rloo"

    @property
    def uses_groups(self) -> bool:
        """Whether a group with equal rewards teaches it nothing."""
        return True

    def build(self) -> Estimate:
        """The estimator."""
        return lambda groups: [rloo(group) for group in groups]
