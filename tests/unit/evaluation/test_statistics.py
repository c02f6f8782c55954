"""The bootstrap against numbers that can be worked out."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.evaluation.records import Metric
from mem1.evaluation.statistics import bootstrap_mean, paired_difference, paired_ratio, ratio_of_means


def test_interval_of_a_coin_matches_the_normal_approximation() -> None:
    # 400 tasks, half solved: the standard error is sqrt(.25 / 400) = .025, the 95 % interval .5 -+ .049.
    metric = bootstrap_mean([0.0, 1.0] * 200, seed=0, resamples=4000)
    assert metric is not None
    assert metric.mean == 0.5
    assert metric.low == pytest.approx(0.451, abs=0.006)
    assert metric.high == pytest.approx(0.549, abs=0.006)
    assert metric.n == 400


def test_two_values_give_the_three_possible_means() -> None:
    # Resamples of (0, 1): mean 0 with probability 1/4, 1/2 with 1/2, 1 with 1/4. The middle 40 % is 1/2.
    wide = bootstrap_mean([0.0, 1.0], seed=1)
    narrow = bootstrap_mean([0.0, 1.0], seed=1, confidence=0.4)
    assert wide is not None
    assert narrow is not None
    assert (wide.low, wide.high) == (0.0, 1.0)
    assert (narrow.low, narrow.high) == (0.5, 0.5)


def test_no_spread_no_width_and_one_value_no_bounds() -> None:
    constant = bootstrap_mean([0.1] * 7, seed=0)
    single = bootstrap_mean([3.0], seed=0)
    assert constant is not None
    assert constant.low == pytest.approx(0.1)
    assert constant.high == pytest.approx(0.1)
    assert single is not None
    assert (single.mean, single.low, single.high, single.n) == (3.0, None, None, 1)
    assert bootstrap_mean([], seed=0) is None


def test_same_seed_same_interval() -> None:
    values = [math.sin(k) for k in range(50)]
    assert bootstrap_mean(values, seed=3) == bootstrap_mean(values, seed=3)
    assert bootstrap_mean(values, seed=3) != bootstrap_mean(values, seed=4)


def test_pairing_removes_the_spread_between_tasks() -> None:
    left = {f"t{k}": float(k) for k in range(50)}
    right = {task: value + 1 for task, value in left.items()}
    difference = paired_difference(left, right, seed=0)
    assert difference is not None
    assert (difference.mean, difference.low, difference.high) == (1.0, 1.0, 1.0)


def test_only_tasks_known_on_both_sides_are_paired() -> None:
    difference = paired_difference({"a": 1.0, "b": None, "c": 5.0}, {"a": 2.0, "b": 9.0, "d": 7.0}, seed=0)
    assert difference is not None
    assert (difference.mean, difference.n) == (1.0, 1)
    assert paired_difference({"a": 1.0}, {"b": 1.0}, seed=0) is None


def test_ratio_of_means() -> None:
    ratio = ratio_of_means([2.0, 4.0], [1.0, 2.0], seed=0)
    assert ratio is not None
    assert ratio.mean == 2.0
    assert ratio.low is not None
    assert ratio.high is not None
    assert 1.0 <= ratio.low < 2.0 < ratio.high <= 4.0
    assert ratio_of_means([1.0], [0.0], seed=0) is None
    assert ratio_of_means([], [1.0], seed=0) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_mean_lies_in_its_interval(values: list[float]) -> None:
    metric = bootstrap_mean(values, seed=0, resamples=100)
    assert metric is not None
    if metric.low is not None and metric.high is not None:
        assert metric.low <= metric.mean <= metric.high
        assert min(values) - 1e-3 <= metric.low
        assert metric.high <= max(values) + 1e-3


def test_a_paired_ratio_resamples_tasks_and_not_sides() -> None:
    left = {"a": 1.0, "b": 3.0, "c": None, "d": 5.0}
    right = {"a": 2.0, "b": 6.0, "c": 1.0, "e": 9.0}
    found = paired_ratio(left, right, seed=0)
    assert found is not None
    assert (found.mean, found.low, found.high, found.n) == (2.0, 2.0, 2.0, 2)  # twice as much in every task
    assert paired_ratio(left, {"a": 0.0, "b": 2.0}, seed=0) == Metric(mean=0.5, low=0.0, high=2 / 3, n=2)


def test_a_paired_ratio_needs_something_to_divide_by() -> None:
    assert paired_ratio({}, {}, seed=0) is None
    assert paired_ratio({"a": 0.0}, {"a": 1.0}, seed=0) is None
    assert paired_ratio({"a": 2.0}, {"a": 1.0}, seed=0) == Metric(mean=0.5, low=None, high=None, n=1)
    assert paired_ratio({"a": 2.0, "b": 0.0}, {"a": 1.0, "b": 1.0}, seed=0) == Metric(
        mean=1.0, low=None, high=None, n=2
    )
