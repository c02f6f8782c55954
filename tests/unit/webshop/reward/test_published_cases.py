"""The cases of the original's own tests of types and whole rewards; titles' nouns need its model, where installed."""

from __future__ import annotations

from typing import Any

import pytest

from mem1.webshop.reward.nouns import Nouns, named_nouns, published_model
from mem1.webshop.reward.reward import purchase_reward, type_reward
from tests.unit.webshop.shop.shops import goal, product

SNEAKERS = "Mens D.O.N. Issue 2 Gca Basketball Sneakers Shoes Casual - Off White"
HIGH_TOP = "PEAK High Top Mens Basketball Shoes Lou Williams Streetball Master Breathable Non Slip Outdoor Sneakers"
CORD = "Saireed UL Listed 2 Prong Power Cord for JBL Bar 3.1 Bar 2.1 Channel 4K Ultra HD Soundbar"
OTHER_CORD = (
    "BRST AC Power Cord Outlet Socket Cable Plug Lead for Panasonic SC-HT830V DVD/VCR Combo Home Theater System"
)
KNOB = "Rusticware 921ORB Kitchen and Bath Cabinet Knob"
TWEEZERS = "Minkissy 2pcs Stainless Steel Eyebrow Tweezers Blackhead Acne Remover Portable Makeup Tweezers (Silver)"


def split(title: str) -> tuple[str, ...]:
    return tuple(title.lower().split())


@pytest.fixture(scope="module")
def nouns() -> Nouns:
    if published_model() is None:
        pytest.skip("en_core_web_sm is not installed (extra shop-spacy)")
    return named_nouns("en_core_web_sm")[0]


def test_everything_alike() -> None:
    wish = goal(query="Query 1", product_category="a › b › c", name="Name 1")
    bought = product("W01", title="Name 1", query="Query 1", product_category="a › b › c")
    assert type_reward(bought, wish, split) == (1.0, 1.0, True, True)
    assert type_reward(product("W01", title="Name 1", query="Query 2"), wish, split)[2] is False


@pytest.mark.parametrize(
    ("category", "shared"),
    [
        ("b › c › a", True),  # out of order
        ("d › e › f", False),
        ("a › d › b", True),
        ("a › a › b", True),
        ("a › a › d", False),  # the same one twice is one
    ],
)
def test_categories(category: str, shared: bool) -> None:
    wish = goal(product_category="a › b › c", name="Name 1")
    assert type_reward(product("W01", title="Name 1", product_category=category), wish, split)[3] is shared


@pytest.mark.parametrize(
    ("wanted", "bought", "score"),
    [
        # The original's test wants .333, .3, .15, below .05: it was written for en_core_web_lg, which the original
        # loaded until May 2024 (d149d0d). These are what the model says that it loads now.
        (SNEAKERS, HIGH_TOP, 4 / 10),  # basketball, mens, shoes, sneakers
        (f"{CORD} Home Theater System Subwoofer", OTHER_CORD, 5 / 18),  # cord, home, power, system, theater
        (CORD, OTHER_CORD, 2 / 14),  # cord, power
        (KNOB, TWEEZERS, 0.0),
    ],
)
def test_titles(nouns: Nouns, wanted: str, bought: str, score: float) -> None:
    found = type_reward(product("W01", title=bought), goal(name=wanted), nouns)[1]
    assert found == pytest.approx(score)


def test_whole_rewards() -> None:
    attributes = ("tea tree", "essential oils", "natural ingredients")
    about: dict[str, Any] = {"query": "Query 1", "product_category": "a › b › c"}
    wish: dict[str, Any] = {**about, "name": "Name 1", "attributes": attributes, "price_upper": 40.0}
    two: dict[str, Any] = {"options": ("grey", "XL"), "option_names": ("color", "size")}
    three: dict[str, Any] = {"options": ("grey", "XL", "pack of 12"), "option_names": ("color", "size", "amount")}
    bought: dict[str, Any] = {**about, "title": "Name 1", "bullets": (), "description": ""}
    chosen = {"color": "grey", "size": "XL"}

    def paid(wanted: dict[str, Any], own: dict[str, Any]) -> float:
        one = product("W01", **{**bought, **own})
        return purchase_reward(one, chosen, 35.0, goal(**wanted), nouns=split, mode="compat").total

    assert paid(wish | two, {"attributes": ("tea tree", "essential oil", "natural ingredients")}) == 1.0
    said = "This shampoo has essential oils and smells like lemons"
    best = {"attributes": (), "description": "Best shampoo on the market, made with natural ingredients"}
    # Two of three attributes, both options, the price: five of six. The original's test gives the bullet points as one
    # text, which its code joins letter by letter, so that one attribute is found less: four of six there.
    assert paid(wish | two, {**best, "bullets": (said,)}) == pytest.approx(5 / 6)
    letters = {**best, "bullets": tuple(said)}
    assert paid(wish | two, letters) == pytest.approx(2 / 3)
    assert paid(wish | three, letters) == pytest.approx(4 / 7)
    # A fifth of the nouns, and no other sign of the type: half of it.
    doubtful = {"query": "Query 2", "product_category": "a › d › e", "title": "Name"}
    assert paid({**wish, **three, "name": "Name b c d e"}, {**letters, **doubtful}) == pytest.approx(2 / 7)
