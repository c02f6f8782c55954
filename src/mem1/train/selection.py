"""Which episodes of a rollout are trained on, how they are divided, and what was left out and counted."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, zip_longest

from mem1.errors import DataError
from mem1.train.advantages.groups import has_signal
from mem1.train.rows.samples import sampled_count
from mem1.types import Episode, EpisodeGroup


@dataclass(frozen=True, slots=True)
class Selection:
    """Groups of scored episodes, and the counts of what is not among them.

    ``groups`` keep episodes in which the policy wrote nothing (they count in baselines, but have no token to train),
    and those of ``masked``, which are not to be trained on either. ``unscored``: the reward is not known, or no number.
    ``without_signal`` counts groups whose scored episodes all earned the same, dropped or not.
    ``signal`` is false when no two rewards that the algorithm compares differ.
    """

    groups: tuple[tuple[Episode, ...], ...]
    episodes: int
    failed: int
    unscored: int
    groups_seen: int
    without_signal: int
    signal: bool
    masked: frozenset[str] = frozenset()

    @property
    def trainable(self) -> tuple[tuple[Episode, ...], ...]:
        """The groups' episodes that have tokens to train, empty groups left out."""
        kept = (tuple(e for e in group if e.id not in self.masked and sampled_count(e)) for group in self.groups)
        return tuple(group for group in kept if group)


def scored(episode: Episode) -> bool:
    """Whether it is known what the episode is worth: it did not fail, and has a reward that is a number."""
    return not episode.failed and episode.reward is not None and math.isfinite(episode.reward)


def select(
    groups: Sequence[EpisodeGroup],
    *,
    compare_in_groups: bool,
    amounts: Callable[[Episode], Sequence[float]] | None = None,
    masked: Callable[[Episode], bool] = lambda episode: False,
) -> Selection:
    """Leave out failed and unscored episodes, and groups that teach nothing.

    Args:
        groups: One rollout.
        compare_in_groups: Whether the algorithm compares episodes of a group only, so that a group with equal
            rewards has nothing to teach and is dropped. Otherwise rewards are compared over the batch.
        amounts: A scored episode's reward in the parts that are compared each by itself; ``None``: it is one part.
        masked: Whether a scored episode counts in baselines and is not trained on.

    Raises:
        DataError: Two episodes with the same id.
    """
    everything = [episode for group in groups for episode in group.episodes]
    if len({episode.id for episode in everything}) < len(everything):
        raise DataError("two episodes of one rollout have the same id", hint="give every episode an id of its own")
    known = [tuple(filter(scored, group.episodes)) for group in groups]
    parts = amounts or (lambda episode: rewards_of([episode]))
    differing = [group for group in known if _differ(group, parts)]
    kept = differing if compare_in_groups else [group for group in known if group]
    failed = sum(episode.failed for episode in everything)
    return Selection(
        groups=tuple(kept),
        episodes=len(everything),
        failed=failed,
        unscored=len(everything) - failed - sum(map(len, known)),
        groups_seen=len(groups),
        without_signal=len(groups) - len(differing),
        signal=_differ([episode for group in kept for episode in group], parts),
        masked=frozenset(episode.id for group in kept for episode in group if masked(episode)),
    )


def _differ(episodes: Sequence[Episode], parts: Callable[[Episode], Sequence[float]]) -> bool:
    """Whether any part differs between two episodes; where tasks differ in size, over those that have it."""
    each = [parts(episode) for episode in episodes]
    return any(has_signal([value for value in part if value is not None]) for part in zip_longest(*each))


def rewards_of(episodes: Sequence[Episode]) -> list[float]:
    """Rewards of the scored ones among ``episodes``."""
    return [episode.reward for episode in episodes if episode.reward is not None and scored(episode)]


def split(groups: Sequence[tuple[Episode, ...]], parts: int, *, rng: random.Random) -> list[list[Episode]]:
    """Divide a batch into minibatches at random, as evenly as its units allow.

    Units are whole groups, so that a shared prompt stays together; with fewer groups than ``parts`` they are episodes.
    Turns and tokens play no part. With fewer episodes than ``parts`` there are as many parts as episodes.
    """
    units = list(groups) if len(groups) >= parts else [(episode,) for group in groups for episode in group]
    rng.shuffle(units)
    parts = min(parts, len(units))
    bounds = [len(units) * part // parts for part in range(parts + 1)] if parts else [0]
    return [[episode for unit in units[start:end] for episode in unit] for start, end in pairwise(bounds)]
