"""Money: what the backend says, else the price table over what it counted, else over the record."""

from __future__ import annotations

import pytest

from mem1.evaluation.prices import cost
from mem1.prices import Prices
from mem1.types import Episode, SideCall, Usage
from tests.unit.evaluation.examples import episode, turn

PRICES = Prices(input=1.0, cached_input=0.1, output=10.0)
TURNS = (turn(0, (1, 2), (3, 4, 5, 6)), turn(1, (1, 2, 3, 4, 5, 6, 7, 8, 9), (10, 11)))
USAGE = Usage(calls=1, prompt_tokens=100, cached_tokens=60, completion_tokens=5, seconds=1.0)


def of(*usages: Usage | None) -> Episode:
    return episode(tuple(t.model_copy(update={"usage": u}) for t, u in zip(TURNS, usages, strict=True)))


def test_by_the_record() -> None:
    # Turn 0 reads 2 and writes 4; turn 1 reads 3 anew, 6 from the cache, and writes 2.
    assert cost(of(None, None), PRICES) == pytest.approx((2 + 40 + 3 + 0.6 + 20) / 1e6)
    dear = Prices(input=1.0, output=10.0)
    assert cost(of(None, None), dear) == pytest.approx((2 + 40 + 9 + 20) / 1e6)


def test_by_what_the_backend_counted() -> None:
    assert cost(of(USAGE, USAGE), PRICES) == pytest.approx(2 * (40 + 6 + 50) / 1e6)


def test_by_what_the_backend_says() -> None:
    said = USAGE.model_copy(update={"cost": 0.5})
    assert cost(of(said, said), None) == 1.0
    assert cost(of(said, USAGE), PRICES) == pytest.approx(0.5 + 96 / 1e6)


def test_what_is_not_known_of_one_call_is_not_known() -> None:
    said = USAGE.model_copy(update={"cost": 0.5})
    assert cost(of(said, USAGE), None) is None
    assert cost(of(None, None), None) is None
    assert cost(episode(()), PRICES) is None


def test_side_calls_cost_too_and_another_engine_has_its_own_cache() -> None:
    side = SideCall(
        turn=1, purpose="summary", prompt_token_ids=(1, 2, 3, 4), prefix_length=2, completion_token_ids=(9,)
    )
    # By the policy it holds (1, 2, 3, 4) less the last; then turn 1 finds only those 4 of its 9 in the cache.
    own = of(None, None).model_copy(update={"side_calls": (side,)})
    assert cost(own, PRICES) == pytest.approx((2 + 40 + (1 + 0.3 + 10) + (5 + 0.4 + 20)) / 1e6)
    other = of(None, None).model_copy(update={"side_calls": (side.model_copy(update={"by_policy": False}),)})
    assert cost(other, PRICES, PRICES) == pytest.approx((2 + 40 + (4 + 10) + (3 + 0.6 + 20)) / 1e6)
    dear = Prices(input=100.0, output=1000.0)
    assert cost(other, PRICES, dear) == pytest.approx((2 + 40 + 100 * (4 + 10) + (3 + 0.6 + 20)) / 1e6)


def test_the_policys_prices_are_not_another_models() -> None:
    side = SideCall(turn=1, purpose="notes", prompt_token_ids=(1,), prefix_length=1, completion_token_ids=(2,))
    other = of(None, None).model_copy(update={"side_calls": (side.model_copy(update={"by_policy": False}),)})
    assert cost(other, PRICES) is None, "what the side model costs is not known"
    said = Usage(calls=1, prompt_tokens=1, cached_tokens=0, completion_tokens=1, seconds=1.0, cost=0.5)
    told = other.model_copy(update={"side_calls": (other.side_calls[0].model_copy(update={"usage": said}),)})
    assert cost(told, PRICES) == pytest.approx(0.5 + (2 + 40 + 3 + 0.6 + 20) / 1e6)
