"""Seeded percentile bootstrap over tasks: of a mean, of a paired difference, of a ratio of means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mem1.evaluation.records import Metric

_CHUNK = 2_000_000  # numbers drawn at once; bounds memory for large n


def bootstrap_mean(
    values: Sequence[float], *, seed: int, resamples: int = 2000, confidence: float = 0.95
) -> Metric | None:
    """Mean of ``values`` (one per task) with a percentile interval (Efron 1979).

    ``None`` without values; without bounds when there is a single one, which says nothing of spread.
    """
    if not values:
        return None
    data = np.asarray(values, dtype=np.float64)
    mean = float(data.mean())
    if len(data) < 2:
        return Metric(mean=mean, low=None, high=None, n=1)
    low, high = _bounds(_resampled_means(data, seed, resamples), confidence)
    # A constant column sums to a mean a rounding error away from its resampled means.
    return Metric(mean=mean, low=min(low, mean), high=max(high, mean), n=len(data))


def paired_difference(
    left: Mapping[str, float | None],
    right: Mapping[str, float | None],
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Metric | None:
    """Mean of ``right - left`` over the tasks that have a value in both, resampled by task."""
    pairs = [
        (value, other)
        for task in sorted(left.keys() & right.keys())
        if (value := left[task]) is not None and (other := right[task]) is not None
    ]
    return bootstrap_mean([b - a for a, b in pairs], seed=seed, resamples=resamples, confidence=confidence)


def paired_ratio(
    left: Mapping[str, float | None],
    right: Mapping[str, float | None],
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Metric | None:
    """mean(right) / mean(left) over the tasks that have a value in both, resampled by task.

    ``None`` where there are none or the mean of ``left`` is 0; without bounds where a resample of it is.
    """
    tasks = [task for task in sorted(left.keys() & right.keys()) if left[task] is not None and right[task] is not None]
    below = np.asarray([left[task] for task in tasks], dtype=np.float64)
    above = np.asarray([right[task] for task in tasks], dtype=np.float64)
    if not tasks or below.mean() == 0:
        return None
    ratio, n = float(above.mean() / below.mean()), len(tasks)
    # The same seed draws the same tasks for both.
    drawn = _resampled_means(above, seed, resamples), _resampled_means(below, seed, resamples)
    if n < 2 or not np.all(drawn[1]):
        return Metric(mean=ratio, low=None, high=None, n=n)
    low, high = _bounds(drawn[0] / drawn[1], confidence)
    return Metric(mean=ratio, low=min(low, ratio), high=max(high, ratio), n=n)


def ratio_of_means(
    numerators: Sequence[float],
    denominators: Sequence[float],
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Metric | None:
    """mean(numerators) / mean(denominators) of two independent sets of tasks; ``n`` is the smaller."""
    if not numerators or not denominators:
        return None
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if below.mean() == 0:
        return None
    ratio, n = float(above.mean() / below.mean()), min(len(above), len(below))
    if n < 2:
        return Metric(mean=ratio, low=None, high=None, n=n)
    # Two streams, or else equal sizes would be resampled in lock-step.
    drawn = _resampled_means(above, seed, resamples), _resampled_means(below, seed + 1, resamples)
    if not np.all(drawn[1]):
        return Metric(mean=ratio, low=None, high=None, n=n)
    low, high = _bounds(drawn[0] / drawn[1], confidence)
    return Metric(mean=ratio, low=min(low, ratio), high=max(high, ratio), n=n)


def _resampled_means(data: NDArray[np.float64], seed: int, resamples: int) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    means = np.empty(resamples, dtype=np.float64)
    step = max(1, _CHUNK // len(data))
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        drawn = random.integers(0, len(data), size=(stop - start, len(data)))
        means[start:stop] = data[drawn].mean(axis=1)
    return means


def _bounds(means: NDArray[np.float64], confidence: float) -> tuple[float, float]:
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return float(low), float(high)
