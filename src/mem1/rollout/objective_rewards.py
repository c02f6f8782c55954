"""What each objective of an episode adds to its reward."""

from __future__ import annotations

from collections.abc import Callable

from mem1.types import Score


def objective_rewards_of(metric: str) -> Callable[[Score], tuple[float | None, ...]]:
    """From a score to what each objective adds to a reward that is ``metric`` summed over objectives."""
    name = "rewards" if metric == "env" else metric
    return lambda score: getattr(score, name)
