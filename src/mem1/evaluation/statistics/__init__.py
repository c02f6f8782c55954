"""Intervals that hold with few tasks: of a mean, of a paired difference, of a ratio of means."""

from mem1.evaluation.statistics.family import told_apart
from mem1.evaluation.statistics.intervals import METHOD, Draw
from mem1.evaluation.statistics.metrics import (
    FEWEST_FOR_COSTS,
    averaged,
    mean_interval,
    paired_difference,
    paired_ratio,
    pairs,
    ratio_of_means,
)

__all__ = [
    "FEWEST_FOR_COSTS",
    "METHOD",
    "Draw",
    "averaged",
    "mean_interval",
    "paired_difference",
    "paired_ratio",
    "pairs",
    "ratio_of_means",
    "told_apart",
]
