"""Which number of a score an episode is rewarded with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches

from mem1.errors import ConfigError
from mem1.types import Score


def reward_of(metric: str) -> Callable[[Score], float | None]:
    """The reward that is ``metric`` summed over objectives, or several of them: ``"em"``, ``"em + f1"``.

    It is ``None`` where one objective has no value. The function raises ``ConfigError`` for a score without such a
    metric, naming those that there are.
    """
    each = objective_rewards_of(metric)

    def reward(score: Score) -> float | None:
        values = each(score)
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    return reward


def objective_rewards_of(metric: str) -> Callable[[Score], list[float | None]]:
    """What each objective adds to that reward; ``None`` where one of its metrics has no value."""
    names = [name.strip() for name in metric.split("+")]

    def each(score: Score) -> list[float | None]:
        return [_sum(values) for values in zip(*(_values(score, name) for name in names), strict=True)]

    return each


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if len(known) == len(values) else None


def _values(score: Score, name: str) -> tuple[float | None, ...]:
    if name not in score.metrics:
        near = get_close_matches(name, score.metrics, 1)
        raise ConfigError(
            f"there is no metric {name!r}; {score.scorer} gives {', '.join(score.metrics)}",
            where="reward",
            hint=f"did you mean {near[0]!r}?" if near else f'set reward = "{score.main}"',
        )
    return score.metrics[name]
