"""Baselines over the episodes of a group. Rows and turns never enter here."""

from __future__ import annotations

from collections.abc import Sequence


def group_baseline(rewards: Sequence[float]) -> list[float]:
    """Each episode's reward less the mean of its group.

    >>> group_baseline([1, 0, 0, 1])
    [0.5, -0.5, -0.5, 0.5]
    """
    if not rewards:
        return []
    mean = sum(rewards) / len(rewards)
    return [reward - mean for reward in rewards]


def has_signal(rewards: Sequence[float]) -> bool:
    """Whether the rewards differ, so that a baseline over them leaves something to learn from."""
    return len(rewards) > 1 and max(rewards) > min(rewards)
