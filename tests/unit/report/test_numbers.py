"""How numbers are written."""

from __future__ import annotations

import pytest

from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Metric
from mem1.report.numbers import compact, interval_of, mean_of, number, power, signed


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [(0.5, 2, "0.50"), (-1.25, 1, "−1.2"), (-0.001, 2, "0.00"), (1234567, 0, "1\u202f234\u202f567")],
)
def test_numbers(value: float, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


@pytest.mark.parametrize(("value", "text"), [(9999, "9\u202f999"), (12345, "12.3\u202fk"), (4.2e6, "4.20\u202fM")])
def test_large_numbers_get_a_suffix(value: float, text: str) -> None:
    assert compact(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.7, "+0.70"), (-0.7, "−0.70"), (0.0, "0.00"), (0.001, "0.00")])
def test_signs(value: float, text: str) -> None:
    assert signed(value, 2) == text


def test_powers() -> None:
    assert power(3e-7) == "3.0 × 10⁻⁷"


def test_metrics_and_unknowns() -> None:
    metric = Metric(mean=1.5, low=1.25, high=1.755, n=4)
    assert (mean_of(Measure.EM, metric), interval_of(Measure.EM, metric)) == ("1.50", "1.25 … 1.75")
    assert (mean_of(Measure.EM, None), interval_of(Measure.EM, None)) == ("–", "")
    assert interval_of(Measure.EM, Metric(mean=1, low=None, high=None, n=1)) == ""
