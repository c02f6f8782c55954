"""How often intervals miss the truth, by simulation: the fast form of ``benchmarks/coverage.py``."""

from __future__ import annotations

import pytest

from benchmarks.coverage import CASES, missed

MOST = 0.07
SAMPLES = 250
# At a true rate of 5 %, 250 samples show more than 9 % once in two hundred times; ours are below 5 % nearly everywhere.
ALLOWED = MOST + 0.02


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.unseen])
def test_intervals_hold_with_few_tasks(name: str) -> None:
    for n in (5, 6, 8, 20):
        assert missed(CASES[name], n, samples=SAMPLES, resamples=1000)["ours"] <= ALLOWED, f"n = {n}"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.unseen])
def test_intervals_hold_at_every_size(name: str) -> None:
    for n in (*range(5, 13), 16, 20, 30, 50, 100):
        assert missed(CASES[name], n, samples=1000)["ours"] <= MOST, f"n = {n}"


def test_the_simulation_sees_an_interval_that_does_not_hold() -> None:
    found = missed(CASES["EM, 1 objective, p = .05"], 8, samples=SAMPLES)
    assert found["percentile"] > 0.5
    assert found["student"] > 0.5


def test_what_was_not_seen_and_has_no_limit_cannot_be_held() -> None:
    # Tasks four times as long, one in ten: among five there is none in .9^5 = 59 % of samples.
    assert missed(CASES["tokens, 1 in 10 four times as many"], 5, samples=SAMPLES)["ours"] > 0.3
