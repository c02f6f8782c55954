"""From what episodes earned to one advantage for each turn, and for each sampled token. No torch here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from mem1.train.advantages.config import Algorithm, Parts
from mem1.train.advantages.earnings import Earning, to_go, together, whole
from mem1.train.rows.calls import written
from mem1.types import Episode


def turn_advantages(
    groups: Sequence[Sequence[Episode]], earned: Mapping[str, Sequence[Earning]], algorithm: Algorithm
) -> dict[str, list[float]]:
    """One advantage for each turn of each episode, by the episode's id.

    Args:
        groups: Scored episodes.
        earned: What each of them earned, by id. Part ``k`` means the same in all episodes of a group.
        algorithm: What to compare an episode with.
    """
    parts = [together([earned[episode.id] for episode in group]) for group in groups]
    rewards = [[[one.amount for one in mine] for mine in group] for group in parts]
    found = algorithm.build_parts()(rewards)
    _check(found, rewards, algorithm)
    return {
        episode.id: to_go(advantages, mine, len(episode.turns))
        for group, members, estimated in zip(groups, parts, found, strict=True)
        for episode, mine, advantages in zip(group, members, estimated, strict=True)
    }


def episode_advantages(groups: Sequence[Sequence[Episode]], algorithm: Algorithm) -> dict[str, float]:
    """One advantage for each scored episode of ``groups``, by id, from its whole reward."""
    rewards = [[[one.amount for one in whole(episode)] for episode in group] for group in groups]
    found = algorithm.build_parts()(rewards)
    _check(found, rewards, algorithm)
    return {
        episode.id: sum(advantages)
        for group, estimated in zip(groups, found, strict=True)
        for episode, advantages in zip(group, estimated, strict=True)
    }


def token_advantages(episodes: Sequence[Episode], by_turn: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """The same for each sampled token of each episode, in time order, as neutral rows take them."""
    return {
        episode.id: [
            by_turn[episode.id][call.turn] for call in written(episode) for sampled in call.sampled_mask if sampled
        ]
        for episode in episodes
    }


def _check(found: Parts, rewards: Parts, algorithm: Algorithm) -> None:
    """An estimator of somebody else's must give a finite number for every episode."""
    if _shape(found) == _shape(rewards) and all(math.isfinite(v) for group in found for one in group for v in one):
        return
    raise algorithm.misshapen()


def _shape(parts: Parts) -> list[list[int]]:
    return [[len(episode) for episode in group] for group in parts]
