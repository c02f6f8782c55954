"""Quantiles against the printed tables."""

from __future__ import annotations

import math

import pytest

from benchmarks.learning import over_seeds
from mem1.evaluation.statistics.student import incomplete_beta, student_quantile


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.7062), (2, 4.3027), (4, 2.7764), (9, 2.2622), (29, 2.0452), (1000, 1.9623)]
)
def test_the_quantile_of_the_table(freedom: int, quantile: float) -> None:
    assert student_quantile(0.975, freedom) == pytest.approx(quantile, abs=1e-4)


def test_one_degree_of_freedom_is_cauchys_distribution() -> None:
    # Its quantile is tan(pi (p - 1/2)).
    assert student_quantile(0.9, 1) == pytest.approx(math.tan(math.pi * 0.4), rel=1e-9)


def test_the_incomplete_beta_function_of_whole_numbers_is_a_sum_of_binomials() -> None:
    # I_x(2, 3) = P(at least 2 of 4 with p = x): 1 - .7^4 - 4 * .3 * .7^3 = .3483.
    assert incomplete_beta(0.3, 2, 3) == pytest.approx(0.3483)
    assert incomplete_beta(0.7, 3, 2) == pytest.approx(1 - 0.3483)
    assert (incomplete_beta(0, 2, 3), incomplete_beta(1, 2, 3)) == (0, 1)


def test_the_benchmark_of_learning_takes_its_interval_over_seeds_from_here() -> None:
    # Mean 2, standard deviation 1: half the interval is 4.3027 / sqrt(3) = 2.484 with three seeds.
    assert over_seeds([1.0, 2.0, 3.0], 2) == "+2.00 (95 % interval -0.48 to +4.48)"
    assert over_seeds([1.0, 2.0, 3.0] * 4, 2) == "+2.00 (95 % interval +1.46 to +2.54)", "of any number of seeds"
