"""What an episode earned and when: each part of its reward at the turn that decided it.

Credit per episode has one part, the whole reward, at the last turn. Credit per objective has one for each objective.
What training takes away (divergence, episodes cut off) are parts too. Part ``k`` means the same in all episodes of a
group, so that a baseline can be taken over it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from mem1.errors import ConfigError
from mem1.types import Episode, Score

ObjectiveRewards = Callable[[Score], Sequence[float | None]]
"""From a score to what each objective adds to the episode's reward; ``None`` where that is not known."""


@dataclass(frozen=True, slots=True)
class Earning:
    """``amount`` of reward, decided by what was written in turn number ``turn`` and before it."""

    turn: int
    amount: float


Earnings = tuple[Earning, ...]


def whole(episode: Episode) -> Earnings:
    """The episode's reward, at its last turn."""
    assert episode.reward is not None, f"episode {episode.id} was selected without a reward"
    return (Earning(_last(episode), episode.reward),)


def by_objective(episode: Episode, rewards: ObjectiveRewards) -> Earnings:
    """The reward of each objective, at the turn that settled it.

    Raises:
        ConfigError: The episode's reward is not the sum of ``rewards``, so that it cannot be divided.
    """
    assert episode.reward is not None, f"episode {episode.id} was selected without a reward"
    each = rewards(episode.score) if episode.score is not None else ()
    known = [value for value in each if value is not None and math.isfinite(value)]
    if len(known) != episode.task.size or not math.isclose(sum(known), episode.reward, rel_tol=1e-6, abs_tol=1e-6):
        raise ConfigError(
            f"the reward of episode {episode.id!r}, {episode.reward:g}, is not the sum of what its "
            f"{episode.task.size} objectives brought ({', '.join(map(str, each)) or 'not known'})",
            where="train.credit",
            hint='set train.credit = "episode", or a reward that is summed over objectives',
        )
    return tuple(map(Earning, settled_at(episode), known))


def settled_at(episode: Episode) -> list[int]:
    """For each objective the turn after which its reward could not change any more.

    Where objectives are shown one by one it is the last turn that worked on it; where all are asked at once, and for an
    objective that was never reached, the last of the episode.
    """
    last = _last(episode)
    if episode.task.reveal == "upfront":
        return [last] * episode.task.size
    worked = {turn.objective: index for index, turn in enumerate(episode.turns)}
    return [worked.get(objective, last) for objective in range(episode.task.size)]


def together(group: Sequence[Sequence[Earning]]) -> list[Earnings]:
    """The same with as many parts in each episode of a group: what one has not got it earned nothing by."""
    places = [max((one.turn for one in part if one), default=0) for part in zip_longest(*group)]
    return [(*mine, *(Earning(place, 0.0) for place in places[len(mine) :])) for mine in group]


def to_go(advantages: Sequence[float], earnings: Sequence[Earning], turns: int) -> list[float]:
    """One advantage for each turn: the sum over the parts that were not decided before it.

    What was decided before a turn does not depend on what is written in it: left out, the expected gradient is the
    same and its variance smaller.

    >>> to_go([1.0, 0.5], [Earning(0, 1.0), Earning(2, 1.0)], 3)
    [1.5, 0.5, 0.5]
    """
    parts = list(zip(advantages, earnings, strict=True))
    return [sum(advantage for advantage, earned in parts if earned.turn >= turn) for turn in range(turns)]


def _last(episode: Episode) -> int:
    return max(0, len(episode.turns) - 1)
