"""Which number of a score an episode is rewarded with."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from mem1.errors import ConfigError
from mem1.types import Score


def reward_of(metric: str) -> Callable[[Score], float | None]:
    """The reward that is ``metric`` summed over objectives, or several of them: ``"em"``, ``"em + f1"``.

    It is ``None`` where one objective has no value. The function raises ``ConfigError`` for a score without such a
    metric, naming those that there are.
    """
    names = [name.strip() for name in metric.split("+")]

    def reward(score: Score) -> float | None:
        values = [value for name in names for value in _values(score, name)]
        known = [value for value in values if value is not None]
        return sum(known) if len(known) == len(values) else None

    return reward


def _values(score: Score, name: str) -> tuple[float | None, ...]:
    if name not in score.metrics:
        near = get_close_matches(name, score.metrics, 1)
        raise ConfigError(
            f"there is no metric {name!r}; {score.scorer} gives {', '.join(score.metrics)}",
            where="reward",
            hint=f"did you mean {near[0]!r}?" if near else f'set reward = "{score.main}"',
        )
    return score.metrics[name]
