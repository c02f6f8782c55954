"""The rule-based shopper with bundles: what it reads and writes down, what it reaches, and that memory is needed."""

from __future__ import annotations

import pytest

from benchmarks.bundles import Forgetful, figures, play
from mem1.inference.tokenizers.toy import WordTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.demonstrations import demonstrate
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.lessons import shop_lesson
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shopper import Shopper, Wish, read_wish

SAID = "Find me a lamp with color: same as thing 2, and size: 8, and price within what is left of 50.00 dollars"


def test_a_wish_of_a_bundle_is_read_with_what_was_bought() -> None:
    things = [{"color": "red"}, {"color": "blue", "size": "9"}]
    assert read_wish(SAID, things, 12.5) == Wish("lamp blue 8", (("color", "blue"), ("size", "8")), 37.5, 50.0)
    assert read_wish(SAID).options == (("color", "same as thing 2"), ("size", "8"))
    assert read_wish(SAID, [{}, {"size": "9"}]).options[0] == ("color", "same as thing 2")


@pytest.mark.parametrize("objectives", [2, 4])
def test_told_the_products_it_buys_everything(objectives: int) -> None:
    found = figures(play(WebshopConfig().build(), objectives, 6, Shopper, told=True))
    assert (found["success"], found["r_link"], found["r_price"], found["unbroken"]) == (1.0, 1.0, 1.0, 1.0)


def test_whoever_forgets_what_was_bought_loses_the_wishes_that_speak_of_it() -> None:
    shop = WebshopConfig().build()
    keeping, forgetting = (figures(play(shop, 4, 8, kind, told=True)) for kind in (Shopper, Forgetful))
    assert keeping["r_link"] == 1.0
    assert forgetting["r_link"] <= 0.25
    assert forgetting["r_type"] == keeping["r_type"] == 1.0


def test_demonstrations_keep_on_the_page_what_later_wishes_need() -> None:
    source, env = WebshopConfig().build(), WebshopEnvConfig(prompt="brief")
    lesson = shop_lesson(source, env, 0, seed=0, products=60, real=0.0, objectives=3, count=3, bundles=True, turns=4)
    shown = demonstrate(lesson, StateMemoryConfig().build(), WordTokenizer(), label="b")
    assert shown
    assert all(len(episode.turns) == 4 for episode in shown)
    last = [turn.state for episode in shown for turn in episode.turns if turn.objective == 2]
    assert last
    assert all(" thing 1 " in page and " thing 2 " in page and " spent " in page for page in last)
