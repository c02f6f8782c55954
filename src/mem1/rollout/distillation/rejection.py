"""Rejection sampling: which of a teacher's episodes are worth imitating. Pure functions on finished episodes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mem1.rollout.config import KeepConfig
from mem1.types import Episode, Malformed


class Reason(StrEnum):
    """Why an episode is no demonstration, in the order in which the rules are applied."""

    FAILED = "failed"  # ended in an error of the backend or the environment
    UNSCORED = "unscored"
    EMPTY = "empty"  # nothing was written, e.g. because the prompt filled the context
    MALFORMED = "malformed"  # a turn without a readable action
    FORCED = "forced"  # a state that was closed by force
    MINIMUM = "below the minimum"
    REPEATED = "repeated"  # the same words as another one of this task
    PER_TASK = "enough of the task"
    TOP = "not among the top"


@dataclass(frozen=True, slots=True)
class Selection:
    """Kept episodes in the order given, and how many were rejected for which reason."""

    kept: tuple[Episode, ...]
    rejected: dict[Reason, int]


def select(episodes: Sequence[Episode], keep: KeepConfig) -> Selection:
    """Apply ``keep`` to ``episodes``; each rejected one counts under the first reason that applies.

    First each episode by itself (failed, unscored, empty, malformed, forced, minimum). Then within a task, best reward
    first, of equal ones the one with fewer turns, then in the order given: repetitions go, and what exceeds
    ``per_task``. Of what is left over all tasks the best ``top`` (rounded up) by reward an objective stays.
    """
    reasons: list[Reason | None] = [_by_itself(episode, keep) for episode in episodes]
    taken: Counter[str] = Counter()
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for index in _best_first(episodes, reasons):
        episode = episodes[index]
        words = (episode.task.content, tuple(turn.state + turn.action_text for turn in episode.turns))
        if words in seen:
            reasons[index] = Reason.REPEATED
        elif taken[episode.task.content] == keep.per_task:
            reasons[index] = Reason.PER_TASK
        else:
            seen.add(words)
            taken[episode.task.content] += 1
    left = _best_first(episodes, reasons)
    for index in left[math.ceil(keep.top * len(left)) :]:
        reasons[index] = Reason.TOP
    counted = Counter(reason for reason in reasons if reason is not None)
    return Selection(
        kept=tuple(episode for episode, reason in zip(episodes, reasons, strict=True) if reason is None),
        rejected={reason: counted[reason] for reason in Reason if counted[reason]},
    )


def rewards_seen(episodes: Iterable[Episode]) -> dict[float, int]:
    """How many scored episodes there are of each reward an objective (rounded to 0.01), best first."""
    counted = Counter(round(_merit(episode), 2) for episode in episodes if episode.reward is not None)
    return {reward: counted[reward] for reward in sorted(counted, reverse=True)}


def _by_itself(episode: Episode, keep: KeepConfig) -> Reason | None:
    if episode.failed:
        return Reason.FAILED
    if episode.reward is None:
        return Reason.UNSCORED
    if not any(any(turn.sampled_mask) for turn in episode.turns):
        return Reason.EMPTY
    if not keep.malformed and any(isinstance(turn.action, Malformed) for turn in episode.turns):
        return Reason.MALFORMED
    if not keep.forced and not all(all(turn.sampled_mask) for turn in episode.turns):
        return Reason.FORCED
    if keep.minimum != "none" and _merit(episode) < keep.minimum:
        return Reason.MINIMUM
    return None


def _best_first(episodes: Sequence[Episode], reasons: Sequence[Reason | None]) -> list[int]:
    """Indices of the episodes that are still in, the best first."""
    left = [index for index, reason in enumerate(reasons) if reason is None]
    return sorted(left, key=lambda index: (-_merit(episodes[index]), len(episodes[index].turns), index))


def _merit(episode: Episode) -> float:
    assert episode.reward is not None
    return episode.reward / episode.task.size
