"""What is counted, and what ends a command that would spend too much."""

from __future__ import annotations

import pytest

from mem1.errors import SpendingLimitError, ends_run
from mem1.metering import Meter, meter, metering
from mem1.types import Usage


def usage(cost: float | None, cached: int = 0) -> Usage:
    return Usage(calls=1, prompt_tokens=90, cached_tokens=cached, completion_tokens=9, seconds=0.1, cost=cost)


def test_not_one_call_more_than_allowed_is_made() -> None:
    counts = Meter(max_calls=2)
    counts.begins()
    counts.begins()
    with pytest.raises(SpendingLimitError, match="2 calls were made"):
        counts.begins()
    assert counts.calls == 2


def test_the_call_after_the_one_that_reached_the_limit_is_refused() -> None:
    counts = Meter(max_cost=0.5)
    for cost in (0.3, 0.1, 0.1):
        counts.begins()
        counts.ended(100, 10, usage(cost))
    assert counts.cost == pytest.approx(0.5)
    with pytest.raises(SpendingLimitError, match=r"0\.5000 USD are spent"):
        counts.begins()


def test_what_the_backend_says_goes_before_the_price_list() -> None:
    counts = Meter(price=lambda prompt, cached, completion: (prompt - cached + 10 * completion) / 1000)
    counts.ended(100, 10, usage(None, cached=40))
    assert counts.cost == pytest.approx(0.16)
    counts.ended(100, 10, usage(2.0))
    assert counts.cost == pytest.approx(2.16)
    assert (counts.prompt_tokens, counts.completion_tokens, counts.tokens) == (200, 20, 220)


def test_without_prices_no_money_is_claimed() -> None:
    counts = Meter()
    counts.ended(100, 10, None)
    assert counts.cost is None


def test_the_innermost_meter_counts() -> None:
    outer = meter()
    with metering(Meter()) as inner:
        assert meter() is inner
    assert meter() is outer


def test_a_limit_ends_the_run_and_is_no_episodes_fault() -> None:
    assert ends_run(SpendingLimitError("spent"))
