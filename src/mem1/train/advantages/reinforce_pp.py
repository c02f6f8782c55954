"""REINFORCE++: advantages normalised over the whole batch (arXiv 2501.03262)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from mem1.train.advantages.config import Algorithm, Estimate
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
