"""REINFORCE++: advantages normalised over the whole batch (arXiv 2501.03262)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from mem1.train.advantages.config import Algorithm, Estimate, EstimateParts, Parts
from mem1.train.advantages.groups import group_baseline

EPSILON = 1e-6


def reinforce_pp(groups: Sequence[Sequence[float]], *, subtract_group_mean: bool) -> list[list[float]]:
    """One advantage for each episode of each group, with mean 0 and variance 1 over the batch's episodes.

    Every episode has one vote in the mean and in the (population) standard deviation, however many turns or tokens
    it took.
    """
    values = [group_baseline(group) if subtract_group_mean else list(group) for group in groups]
    flat = [value for group in values for value in group]
    if not flat:
        return values
    mean = sum(flat) / len(flat)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in flat) / len(flat))
    return [[(value - mean) / (deviation + EPSILON) for value in group] for group in values]


def reinforce_pp_parts(groups: Parts, *, subtract_group_mean: bool) -> list[list[list[float]]]:
    """``reinforce_pp`` for rewards in parts, ``[group][episode][part]``.

    Each part is centred over the batch's episodes that have it. All are divided by the root of the mean over episodes
    of the summed squares: for one part the deviation of ``reinforce_pp``.
    """
    values = [_baselined(group) if subtract_group_mean else [list(episode) for episode in group] for group in groups]
    episodes = [episode for group in values for episode in group]
    if not episodes:
        return values
    for part in range(max(map(len, episodes))):
        having = [episode for episode in episodes if part < len(episode)]
        mean = sum(episode[part] for episode in having) / len(having)
        for episode in having:
            episode[part] -= mean
    scale = math.sqrt(sum(value * value for episode in episodes for value in episode) / len(episodes)) + EPSILON
    return [[[value / scale for value in episode] for episode in group] for group in values]


def _baselined(group: Sequence[Sequence[float]]) -> list[list[float]]:
    parts = [group_baseline(part) for part in zip(*group, strict=True)]
    return [[part[episode] for part in parts] for episode in range(len(group))]


class ReinforcePP(Algorithm):
    """REINFORCE++ (arXiv 2501.03262): advantages normalised over all episodes of the batch.

    ``subtract_group_mean`` first takes each group's mean away (the paper's variant with a baseline).
    """

    type: Literal["reinforce++"] = "reinforce++"
    subtract_group_mean: bool = True

    @property
    def uses_groups(self) -> bool:
        """Whether a group with equal rewards teaches it nothing."""
        return self.subtract_group_mean

    def build(self) -> Estimate:
        """The estimator."""
        return lambda groups: reinforce_pp(groups, subtract_group_mean=self.subtract_group_mean)

    def build_parts(self) -> EstimateParts:
        """The estimator over parts of the reward."""
        return lambda groups: reinforce_pp_parts(groups, subtract_group_mean=self.subtract_group_mean)
