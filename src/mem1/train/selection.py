"""Which episodes of a rollout are trained on, how they are divided, and what was left out and counted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from mem1.errors import DataError
from mem1.train.advantages.groups import has_signal
from mem1.train.advantages.objectives import differs
from mem1.train.rows.samples import sampled_count
from mem1.types import Episode, EpisodeGroup, StopReason


@dataclass(frozen=True, slots=True)
class Selection:
    """Groups of scored episodes, and the counts of what is not among them.

    ``groups`` keep episodes in which the policy wrote nothing (they count in baselines, but have no token to train).
    ``without_signal`` counts groups whose scored episodes all have the same reward, dropped or not.
    ``signal`` is false when no two rewards that the algorithm compares differ.
    """

    groups: tuple[tuple[Episode, ...], ...]
    episodes: int
    failed: int
    unscored: int
    groups_seen: int
    without_signal: int
    signal: bool
    cut: Literal["keep", "mask"] = "keep"

    @property
    def trainable(self) -> tuple[tuple[Episode, ...], ...]:
        """The groups' episodes that have tokens to train, empty groups left out."""
        kept = (tuple(e for e in group if sampled_count(e) and not self._masked(e)) for group in self.groups)
        return tuple(group for group in kept if group)

    def _masked(self, episode: Episode) -> bool:
        return self.cut == "mask" and episode.stop in (StopReason.TURN_LIMIT, StopReason.CONTEXT_LIMIT)


def select(
    groups: Sequence[EpisodeGroup],
    *,
    compare_in_groups: bool,
    by_objective: bool = False,
    cut: Literal["keep", "mask"] = "keep",
) -> Selection:
    """Leave out failed and unscored episodes, and groups that teach nothing.

    Args:
        groups: One rollout.
        compare_in_groups: Whether the algorithm compares episodes of a group only, so that a group with equal
            rewards has nothing to teach and is dropped. Otherwise rewards are compared over the batch.
        cut: ``mask``: episodes that ran out of turns or context count in baselines and are not trained on.
        by_objective: Equal rewards teach something where they were earned by different objectives.

    Raises:
        DataError: Two episodes with the same id.
    """
    everything = [episode for group in groups for episode in group.episodes]
    if len({episode.id for episode in everything}) < len(everything):
        raise DataError("two episodes of one rollout have the same id", hint="give every episode an id of its own")
    scored = [
        tuple(episode for episode in group.episodes if not episode.failed and episode.reward is not None)
        for group in groups
    ]
    differing = [
        group for group in scored if has_signal(rewards_of(group)) or (by_objective and group and differs(group))
    ]
    kept = differing if compare_in_groups else [group for group in scored if group]
    failed = sum(episode.failed for episode in everything)
    return Selection(
        groups=tuple(kept),
        episodes=len(everything),
        failed=failed,
        unscored=len(everything) - failed - sum(map(len, scored)),
        groups_seen=len(groups),
        without_signal=len(groups) - len(differing),
        signal=has_signal([reward for group in kept for reward in rewards_of(group)])
        or (by_objective and any(differs(group) for group in kept)),
        cut=cut,
    )


def rewards_of(episodes: Sequence[Episode]) -> list[float]:
    """Rewards of scored episodes."""
    return [episode.reward for episode in episodes if episode.reward is not None]


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
