"""GRPO: group-relative advantages (arXiv 2402.03300, equation of section 4.1.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

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
