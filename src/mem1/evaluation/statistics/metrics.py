"""From one value per task to a mean with its interval; repeats of a task count once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mem1.evaluation.records import Metric
from mem1.evaluation.statistics.intervals import Bounds, Draw, apart, bounded, paired, positive, unbounded
from mem1.evaluation.statistics.student import student_p
from mem1.evaluation.statistics.weights import Array

# Below it the costs of a few tasks say nothing of others' and get no interval; quantities with limits get one from 2.
FEWEST_FOR_COSTS = 5

_ROUNDING = 1e-9

Values = Mapping[str, float | None]
Range = tuple[float, float | None]


def mean_interval(values: Sequence[float], draw: Draw, *, within: Range | None = None) -> Metric | None:
    """Mean of ``values``, one per task, with its interval; ``None`` without values.

    ``within`` is the range that a value can have: ``(0, None)`` has no upper limit, ``None`` none at all. Values
    outside it show that it is not theirs; they are treated as without limits.
    """
    if not values:
        return None
    data = np.asarray(values, dtype=np.float64)
    mean = float(data.mean())
    return _metric(mean, _mean_bounds(data, within, draw), len(data))


def paired_difference(
    left: Values, right: Values, draw: Draw, *, span: float | None = None, alike: Mapping[str, str] | None = None
) -> Metric | None:
    """Mean of ``right - left`` over the tasks that have a value in both.

    ``span`` is the largest difference there can be, ``None``: there is none. ``alike`` names for each task the first
    one of the same content: such repeats are averaged and count once.
    """
    below, above = pairs(left, right, alike)
    within = None if span is None else (-span, span)
    return _with_p(mean_interval(list(above - below), draw, within=within), below, above)


def paired_ratio(left: Values, right: Values, draw: Draw, *, alike: Mapping[str, str] | None = None) -> Metric | None:
    """mean(right) / mean(left), both never negative, over the tasks that have a value in both.

    ``None`` where there are none or the mean of ``left`` is 0.
    """
    below, above = pairs(left, right, alike)
    if not len(below) or below.mean() == 0:
        return None
    ratio = float(above.mean() / below.mean())
    bounds = None if len(below) < FEWEST_FOR_COSTS else paired(below, above, draw)
    return _with_p(_metric(ratio, bounds, len(below)), below, above)


def ratio_of_means(
    numerators: Sequence[float], denominators: Sequence[float], draw: Draw, *, limit: float | None = None
) -> Metric | None:
    """mean(numerators) / mean(denominators) of two independent sets of tasks; ``n`` is the smaller.

    ``limit`` is the largest value there can be, ``None``: there is none.
    """
    if not numerators or not denominators:
        return None
    above, below = np.asarray(numerators, dtype=np.float64), np.asarray(denominators, dtype=np.float64)
    if below.mean() == 0:
        return None
    n = min(len(above), len(below))
    bounds = None if n < FEWEST_FOR_COSTS else apart(below, above, draw, limit)
    return _metric(float(above.mean() / below.mean()), bounds, n)


def averaged(values: Values, alike: Mapping[str, str] | None) -> dict[str, float]:
    """What is known, one value for each content: repeats are averaged under the name of the first."""
    groups: dict[str, list[float]] = {}
    for task, value in values.items():
        if value is not None:
            groups.setdefault(alike.get(task, task) if alike else task, []).append(value)
    return {task: sum(some) / len(some) for task, some in groups.items()}


def pairs(left: Values, right: Values, alike: Mapping[str, str] | None) -> tuple[Array, Array]:
    """The values of both sides on the tasks that have one in both, repeats averaged."""
    both = {task for task in left.keys() & right.keys() if left[task] is not None and right[task] is not None}
    sides = [averaged({task: side[task] for task in sorted(both)}, alike) for side in (left, right)]
    below, above = ([side[task] for task in sides[0]] for side in sides)
    return np.asarray(below, dtype=np.float64), np.asarray(above, dtype=np.float64)


def _mean_bounds(data: Array, within: Range | None, draw: Draw) -> Bounds | None:
    n = len(data)
    if within is not None and (data.min() < within[0] or (within[1] is not None and data.max() > within[1])):
        within = None
    if within is not None and within[1] is not None:
        return None if n < 2 else bounded(data, within[0], within[1], draw)
    if n < FEWEST_FOR_COSTS:
        return None
    return unbounded(data, draw) if within is None or within[0] < 0 else positive(data, draw)


def _with_p(metric: Metric | None, below: Array, above: Array) -> Metric | None:
    return None if metric is None else metric.model_copy(update={"p": student_p((above - below).tolist())})


def _metric(mean: float, bounds: Bounds | None, n: int) -> Metric:
    if bounds is None or not np.all(np.isfinite(bounds)):
        return Metric(mean=mean, low=None, high=None, n=n)
    low, high = min(bounds[0], mean), max(bounds[1], mean)
    if high - low <= _ROUNDING * abs(mean):  # the same for every task: sums in another order are no spread
        low = high = mean
    return Metric(mean=mean, low=low, high=high, n=n)
