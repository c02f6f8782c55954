"""What a call costs, by hand; and whose prices are whose."""

from __future__ import annotations

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.inference.config import OpenAiConfig
from mem1.prices import Prices

PRICES = Prices(input=2.0, cached_input=0.5, output=10.0)


@pytest.mark.parametrize(
    ("prompt", "cached", "cost"),
    [(100, 0, 300.0), (100, 40, 240.0), (100, 100, 150.0), (100, 90_000, 150.0), (0, 5, 100.0)],
)
def test_cached_tokens_are_never_more_than_there_are(prompt: int, cached: int, cost: float) -> None:
    """10 tokens written cost 100 millionths; of 100 read, those that are cached cost a quarter."""
    assert PRICES.cost(prompt=prompt, cached=cached, completion=10) == pytest.approx(cost / 1e6)


@pytest.mark.parametrize("price", ["nan", "inf", -1.0, "free"])
def test_a_price_is_a_number_of_nought_and_more(price: object) -> None:
    for key in ("input", "cached_input", "output"):
        with pytest.raises(ConfigError, match=key):
            build(Prices, {"input": 1.0, "output": 1.0, key: price}, where="engine.prices")


def test_a_side_model_is_not_charged_the_policys_prices() -> None:
    config = OpenAiConfig(base_url="http://localhost:1/v1", prices=PRICES)
    dear = config.model_copy(update={"side_prices": Prices(input=7.0, output=7.0)})
    assert config.prices == dear.prices == PRICES
    assert config.for_side_model().prices is None
    assert dear.for_side_model().prices == Prices(input=7.0, output=7.0)
