"""RLOO: a leave-one-out baseline (arXiv 2402.14740, equation 8)."""

from __future__ import annotations

from collections.abc import Sequence


def rloo(rewards: Sequence[float]) -> list[float]:
    """Each episode's reward less the mean of the group's other episodes; 0 for an episode alone."""
    others = len(rewards) - 1
    if others < 1:
        return [0.0 for _ in rewards]
    total = sum(rewards)
    return [reward - (total - reward) / others for reward in rewards]
