"""Means, differences and ratios of tasks, against numbers that can be worked out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.evaluation.records import Metric
from mem1.evaluation.statistics import Draw, mean_interval, paired_difference, paired_ratio, ratio_of_means

DRAW = Draw(seed=0, resamples=4000)
AMOUNT = st.just(0.0) | st.floats(1e-6, 1e6)


def bounds(metric: Metric | None) -> tuple[float, float]:
    assert metric is not None
    assert metric.low is not None
    assert metric.high is not None
    return metric.low, metric.high


def test_an_interval_of_zeros_and_ones_is_clopper_and_pearsons() -> None:
    # Five of ten: the 2.5 % quantile of Beta(5, 6) and the 97.5 % one of Beta(6, 5), 0.187 and 0.813 in every table.
    assert bounds(mean_interval([0.0, 1.0] * 5, DRAW, within=(0, 1))) == pytest.approx((0.187, 0.813), abs=0.012)


def test_what_was_never_seen_may_still_be() -> None:
    # No success in five: p with (1 - p)^5 = 0.025 is 1 - 0.025^(1/5) = 0.522. A score of 0 to 2 may be twice that.
    assert bounds(mean_interval([0.0] * 5, DRAW, within=(0, 1))) == pytest.approx((0, 0.522), abs=0.02)
    assert bounds(mean_interval([0.0] * 5, DRAW, within=(0, 2))) == pytest.approx((0, 1.043), abs=0.04)


def test_interval_of_a_coin_nears_the_normal_approximation() -> None:
    # 400 tasks, half solved: the standard error is sqrt(.25 / 400) = .025, the 95 % interval .5 -+ .049.
    low, high = bounds(mean_interval([0.0, 1.0] * 200, DRAW, within=(0, 1)))
    assert low == pytest.approx(0.451, abs=0.006)
    assert high == pytest.approx(0.549, abs=0.006)


def test_too_few_tasks_have_a_mean_and_no_interval() -> None:
    assert mean_interval([], DRAW) is None
    assert mean_interval([3.0], DRAW, within=(0, 4)) == Metric(mean=3.0, low=None, high=None, n=1)
    assert mean_interval([1.0, 2.0, 3.0, 2.0], DRAW, within=(0, None)) == Metric(mean=2.0, low=None, high=None, n=4)
    assert bounds(mean_interval([1.0, 2.0, 3.0, 2.0, 2.0], DRAW, within=(0, None)))[0] < 2


def test_costs_that_are_all_alike_have_an_interval_of_no_width() -> None:
    assert bounds(mean_interval([7.0] * 8, DRAW, within=(0, None))) == pytest.approx((7.0, 7.0))
    assert bounds(mean_interval([0.0] * 8, DRAW, within=(0, None))) == (0.0, 0.0)


def test_values_outside_their_range_are_taken_as_without_limits() -> None:
    low, high = bounds(mean_interval([-1.0, 0.0, 1.0, 2.0, 3.0], DRAW, within=(0, 1)))
    # At least as wide as Student's interval: 1 -+ 2.776 * sqrt(2.5 / 5).
    assert low <= 1 - 2.776 * math.sqrt(0.5)
    assert high >= 1 + 2.776 * math.sqrt(0.5)


def test_same_seed_same_interval() -> None:
    values = [math.sin(k) for k in range(50)]
    assert mean_interval(values, Draw(3)) == mean_interval(values, Draw(3))
    assert mean_interval(values, Draw(3)) != mean_interval(values, Draw(4))


def test_large_samples_are_drawn_in_pieces_and_give_the_same_mean() -> None:
    found = mean_interval([0.0, 1.0] * 1000, Draw(resamples=1000), within=(0, 1))
    assert bounds(found) == pytest.approx((0.478, 0.522), abs=0.004)


def test_pairing_removes_the_spread_between_tasks() -> None:
    left = {f"t{k}": float(k) for k in range(50)}
    right = {task: value + 1 for task, value in left.items()}
    difference = paired_difference(left, right, DRAW)
    assert difference == Metric(mean=1.0, low=1.0, high=1.0, n=50, p=0.0)


def test_only_tasks_known_on_both_sides_are_paired() -> None:
    difference = paired_difference({"a": 1.0, "b": None, "c": 5.0}, {"a": 2.0, "b": 9.0, "d": 7.0}, DRAW)
    assert difference is not None
    assert (difference.mean, difference.n) == (1.0, 1)
    assert paired_difference({"a": 1.0}, {"b": 1.0}, DRAW) is None


def test_repeats_of_a_task_count_once() -> None:
    # Differences 1, 3 (two runs of the same content) and 8: (2 + 8) / 2, not 12 / 3.
    left, right = {"a": 0.0, "a~2": 0.0, "b": 0.0}, {"a": 1.0, "a~2": 3.0, "b": 8.0}
    difference = paired_difference(left, right, DRAW, alike={"a~2": "a"})
    assert difference is not None
    assert (difference.mean, difference.n) == (5.0, 2)
    ratio = paired_ratio(right, {"a": 2.0, "a~2": 2.0, "b": 4.0}, DRAW, alike={"a~2": "a"})
    assert ratio is not None
    assert ratio.mean == pytest.approx(6 / 10)
    assert ratio.n == 2


def test_repeats_do_not_narrow_an_interval() -> None:
    once = {f"t{k}": float(k % 2) for k in range(8)}
    four = {f"{task}~{k}": value for task, value in once.items() for k in range(4)}
    alike = {task: f"{task.split('~')[0]}~0" for task in four}
    zeros = dict.fromkeys(once, 0.0), dict.fromkeys(four, 0.0)
    alone = paired_difference(zeros[0], once, DRAW, span=1)
    repeated = paired_difference(zeros[1], four, DRAW, span=1, alike=alike)
    assert alone is not None
    assert repeated is not None
    assert repeated.n == 8
    assert bounds(repeated) == pytest.approx(bounds(alone), abs=0.05)


def test_ratio_of_means_of_two_sets() -> None:
    ratio = ratio_of_means([2.0, 4.0, 2.0, 4.0, 3.0], [1.0, 2.0, 1.0, 2.0, 1.5], DRAW)
    assert ratio is not None
    assert (ratio.mean, ratio.n) == (2.0, 5)
    assert 0.5 <= bounds(ratio)[0] < 2.0 < bounds(ratio)[1] <= 5.0
    assert ratio_of_means([2.0, 4.0], [1.0, 2.0], DRAW) == Metric(mean=2.0, low=None, high=None, n=2)
    assert ratio_of_means([1.0], [0.0], DRAW) is None
    assert ratio_of_means([], [1.0], DRAW) is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_mean_lies_in_its_interval(values: list[float]) -> None:
    for within in (None, (0.0, None), (0.0, 1e6)):
        metric = mean_interval(values, Draw(resamples=100), within=within)
        assert metric is not None
        if metric.low is not None and metric.high is not None:
            assert metric.low <= metric.mean <= metric.high


@given(st.lists(st.tuples(AMOUNT, AMOUNT), min_size=1, max_size=12))
def test_a_ratio_lies_in_its_interval_whatever_zeros_there_are(pairs: list[tuple[float, float]]) -> None:
    left, right = ({str(k): pair[side] for k, pair in enumerate(pairs)} for side in (0, 1))
    metric = paired_ratio(left, right, Draw(resamples=100))
    if metric is not None and metric.low is not None and metric.high is not None:
        assert metric.low <= metric.mean <= metric.high


def test_a_paired_ratio_pairs_tasks() -> None:
    left = {"a": 1.0, "b": 3.0, "c": None, "d": 5.0, "f": 2.0, "g": 2.0, "h": 4.0}
    right = {"a": 2.0, "b": 6.0, "c": 1.0, "e": 9.0, "f": 4.0, "g": 4.0, "h": 8.0}
    found = paired_ratio(left, right, DRAW)
    assert found is not None
    assert (found.mean, found.n) == (2.0, 5)
    assert bounds(found) == pytest.approx((2.0, 2.0))  # twice as much in every task


def test_a_paired_ratio_is_at_least_fiellers() -> None:
    # a - r b over (1, 1), (1, 1), (1, 1), (1, 2), (1, 0): mean 1 - r, squared standard error 0.5 / 5 for every r.
    left, right = dict.fromkeys("abcde", 1.0), dict(zip("abcde", (1.0, 1.0, 1.0, 2.0, 0.0), strict=True))
    low, high = bounds(paired_ratio(left, right, DRAW))
    assert low <= 1 - 2.7764 * math.sqrt(0.1) + 1e-4
    assert high >= 1 + 2.7764 * math.sqrt(0.1) - 1e-4


def test_a_paired_ratio_needs_something_to_divide_by() -> None:
    assert paired_ratio({}, {}, DRAW) is None
    assert paired_ratio({"a": 0.0}, {"a": 1.0}, DRAW) is None
    assert paired_ratio({"a": 2.0}, {"a": 1.0}, DRAW) == Metric(mean=0.5, low=None, high=None, n=1)
    sparse = dict.fromkeys("abcd", 0.0) | {"e": 5.0}
    assert paired_ratio(sparse, dict.fromkeys("abcde", 1.0), DRAW) == Metric(mean=1.0, low=None, high=None, n=5, p=1.0)


def test_nothing_is_told_apart_below_six_tasks() -> None:
    assert not Metric(mean=1.0, low=0.5, high=1.5, n=5).excludes(0)
    assert Metric(mean=1.0, low=0.5, high=1.5, n=6).excludes(0)
    assert not Metric(mean=1.0, low=0.5, high=1.5, n=6).excludes(1)
    assert not Metric(mean=1.0, low=None, high=None, n=60).excludes(0)
