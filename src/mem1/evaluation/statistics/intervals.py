"""Bounds of a mean, of a difference and of a ratio, chosen by simulation (``benchmarks/coverage.py``).

All draw weights for the tasks that were seen and for one that was not, which is as bad as it can be: at the end of the
range where there is one, else somewhat beyond the worst that was seen, the less so the more tasks there are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mem1.evaluation.statistics.student import student_quantile
from mem1.evaluation.statistics.weights import Array, weighted

METHOD = "one-more-task"  # what evaluations are marked with whose intervals are drawn as here

# How far beyond the worst task seen the unseen one lies: a power of (worst / mean) that falls with n, and its limit.
_REACH = 10.0
_FARTHEST = 5.0


@dataclass(frozen=True, slots=True)
class Draw:
    """How many weights are drawn, from which seed, and what share of other samples the interval is to cover."""

    seed: int = 0
    resamples: int = 2000
    confidence: float = 0.95

    @property
    def tail(self) -> float:
        """What lies outside on one side."""
        return (1 - self.confidence) / 2


Bounds = tuple[float, float]


def bounded(values: Array, low: float, high: float, draw: Draw) -> Bounds:
    """Of the mean of a quantity between ``low`` and ``high``, one value per task.

    Gaffke (2005), as described by Learned-Miller and Thomas (2019): the upper bound is a quantile of the weighted mean
    with one more task at ``high``, the lower one with one more at ``low``. For values of 0 and 1 that is exactly
    Clopper and Pearson's interval; no distribution within the range is known for which it covers less than it says.
    """
    return _with_one_more(values, low, high, draw)


def positive(values: Array, draw: Draw) -> Bounds:
    """Of the mean of a quantity that is never negative and has no other limit: tokens, seconds, money.

    No interval can hold for all of these (Bahadur and Savage, 1956). The task that was not seen lies beyond the
    largest by a power of largest / mean, below the least likewise.
    """
    mean = values.mean()
    if mean == 0:
        return 0.0, 0.0
    reach = _REACH / len(values)
    above, below = float(values.max()), float(values.min())
    return _with_one_more(values, below * _beyond(below / mean, reach), above * _beyond(above / mean, reach), draw)


def unbounded(values: Array, draw: Draw) -> Bounds:
    """Of the mean of a quantity of either sign without limits: rewards, differences of costs.

    Student's interval, widened by a task that lies beyond the farthest by a multiple of its distance from the mean.
    """
    n, mean = len(values), float(values.mean())
    half = student_quantile(1 - draw.tail, n - 1) * float(values.std(ddof=1)) / np.sqrt(n)
    reach = min(_REACH / n, _FARTHEST)
    above = float(values.max() + reach * (values.max() - mean))
    below = float(values.min() - reach * (mean - values.min()))
    low, high = _with_one_more(values, below, above, draw)
    return min(low, mean - half), max(high, mean + half)


def paired(below: Array, above: Array, draw: Draw) -> Bounds | None:
    """Of mean(``above``) / mean(``below``), both never negative, a pair for each task; ``None``: no upper bound.

    The hull of Fieller's interval (1954), which is Student's test of ``above - ratio * below`` turned around, and of
    the weighted ratio with one more task of mean size whose own ratio is beyond the farthest seen.
    """
    n, ratio = len(below), float(above.mean() / below.mean())
    found = fieller(below, above, student_quantile(1 - draw.tail, n - 1))
    if found is None:
        return None
    with np.errstate(over="ignore"):
        own = above[below > 0] / below[below > 0]
    if not np.all(np.isfinite(own)):
        return None
    reach = _REACH / n
    bounds = []
    for worst, tail in ((min(own.min(), ratio), draw.tail), (max(own.max(), ratio), 1 - draw.tail)):
        size, far = below.mean(), float(worst) * (_beyond(float(worst) / ratio, reach) if ratio else 1.0)
        columns = np.column_stack([np.append(above, size * far), np.append(below, size)])
        means = weighted(columns, seed=draw.seed, resamples=draw.resamples)
        bounds.append(float(np.quantile(means[:, 0] / means[:, 1], tail)))
    return min(found[0], bounds[0]), max(found[1], bounds[1])


def fieller(below: Array, above: Array, quantile: float) -> Bounds | None:
    """All ratios r for which the mean of ``above - r * below`` is within ``quantile`` standard errors of 0.

    ``None`` where that is no interval: the mean of ``below`` is itself not told from 0.
    """
    n, x, y = len(below), float(below.mean()), float(above.mean())
    cov = np.cov(below, above) / n
    a = x * x - quantile**2 * cov[0, 0]
    b = x * y - quantile**2 * cov[0, 1]
    c = y * y - quantile**2 * cov[1, 1]
    if a <= 0:
        return None
    root = float(np.sqrt(max(0.0, b * b - a * c)))
    return float((b - root) / a), float((b + root) / a)


def apart(below: Array, above: Array, draw: Draw, limit: float | None = None) -> Bounds:
    """Of mean(``above``) / mean(``below``) over two sets of tasks that have nothing to do with each other.

    With a ``limit`` values lie between 0 and that, and the task that was not seen lies at one of the two.
    """
    ends = []
    for sign, tail in ((-1, draw.tail), (1, 1 - draw.tail)):
        # Two streams, or else equal sizes would be weighted in lock-step.
        over = weighted(_one_more(above, sign, limit), seed=draw.seed, resamples=draw.resamples)[:, 0]
        under = weighted(_one_more(below, -sign, limit), seed=draw.seed + 1, resamples=draw.resamples)[:, 0]
        with np.errstate(divide="ignore"):
            ends.append(float(np.quantile(over / under, tail)))
    return ends[0], ends[1]


def _one_more(values: Array, sign: int, limit: float | None) -> Array:
    if limit is not None:
        return np.append(values, limit if sign > 0 else 0.0)[:, None]
    worst = float(values.max() if sign > 0 else values.min())
    far = worst * _beyond(worst / values.mean(), _REACH / len(values)) if values.mean() else worst
    return np.append(values, far)[:, None]


def _with_one_more(values: Array, low: float, high: float, draw: Draw) -> Bounds:
    ends = [
        np.quantile(weighted(np.append(values, end)[:, None], seed=draw.seed, resamples=draw.resamples), tail)
        for end, tail in ((low, draw.tail), (high, 1 - draw.tail))
    ]
    return float(ends[0]), float(ends[1])


def _beyond(relative: float, reach: float) -> float:
    """By what the worst value is multiplied; ``relative`` is worst / mean."""
    return float(min(max(relative, 0.0), _FARTHEST ** (1 / reach)) ** reach)
