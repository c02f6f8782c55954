"""GRPO: group-relative advantages (arXiv 2402.03300, equation of section 4.1.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from mem1.train.advantages.config import Algorithm, Estimate, EstimateParts
from mem1.train.advantages.groups import group_baseline

EPSILON = 1e-6


def grpo(rewards: Sequence[float], *, scale_by_std: bool) -> list[float]:
    """One advantage for each episode of a group.

    Args:
        rewards: The group's episode rewards.
        scale_by_std: Divide by the sample standard deviation (n - 1) plus 1e-6. Off: Dr. GRPO (arXiv 2503.20783).
    """
    centred = group_baseline(rewards)
    if not scale_by_std or len(centred) < 2:
        return centred
    deviation = math.sqrt(sum(value * value for value in centred) / (len(centred) - 1))
    return [value / (deviation + EPSILON) for value in centred]


def grpo_parts(rewards: Sequence[Sequence[float]], *, scale_by_std: bool) -> list[list[float]]:
    """``grpo`` for rewards in parts, ``[episode][part]``: each part less its mean over the group.

    All are divided by the same deviation, the root of the parts' summed variances: what the sum of independent parts
    would have. It is that of ``grpo`` for one part, and not 0 where the parts differ and their sums do not.
    """
    centred = [group_baseline(part) for part in zip(*rewards, strict=True)]
    scale = 1.0
    if scale_by_std and len(rewards) > 1:
        scale = math.sqrt(sum(value * value for part in centred for value in part) / (len(rewards) - 1)) + EPSILON
    return [[part[episode] / scale for part in centred] for episode in range(len(rewards))]


class Grpo(Algorithm):
    """Group-relative advantages (arXiv 2402.03300): the reward less the group's mean.

    ``scale_by_std`` divides by the group's sample standard deviation; off, it is Dr. GRPO (arXiv 2503.20783).
    """

    type: Literal["grpo"] = "grpo"
    scale_by_std: bool = True

    @property
    def uses_groups(self) -> bool:
        """Whether a group with equal rewards teaches it nothing."""
        return True

    def build(self) -> Estimate:
        """The estimator."""
        return lambda groups: [grpo(group, scale_by_std=self.scale_by_std) for group in groups]

    def build_parts(self) -> EstimateParts:
        """The estimator over parts of the reward."""
        return lambda groups: [grpo_parts(group, scale_by_std=self.scale_by_std) for group in groups]
