"""Rewards worked out by hand."""

from __future__ import annotations

import sys
import types

import pytest

from mem1.errors import ConfigError
from mem1.webshop.shop.colours import fold_colour
from mem1.webshop.shop.nouns import content_words, load_nouns
from mem1.webshop.shop.reward import (
    alike,
    matched_attributes,
    matched_options,
    matched_options_compat,
    purchase_reward,
    type_reward,
)
from tests.unit.webshop.shop.shops import goal, product


def split(title: str) -> tuple[str, ...]:
    return tuple(title.lower().split())


def test_everything_matches() -> None:
    reward = purchase_reward(product("W00"), {"color": "red", "size": "8.5"}, 20.0, goal(), nouns=split, mode="strict")
    assert reward.total == 1.0
    assert reward.success
    assert reward.parts == {
        "r_type": 1.0, "r_att": 1.0, "r_option": 1.0, "r_price": 1.0, "title_score": 1.0,
        "same_query": 1.0, "same_category": 1.0, "same_product": 1.0,
    }  # fmt: skip


def test_a_part_of_it_matches() -> None:
    # 2 attributes, 2 options, 1 price: attributes 2, options 1 ("8" is not "8.5"), price 0: 3 of 5.
    reward = purchase_reward(product("W01"), {"color": "red", "size": "8"}, 31.0, goal(), nouns=split, mode="strict")
    assert reward.total == pytest.approx(3 / 5)
    assert not reward.success
    # Half the reward where the type is doubtful: another query, one category shared, title score 1/5.
    other = product("W01", title="Lamp Shade", query="shades", product_category="Home › Shades")
    wish = goal(name="Lamp Bulb Cord Plug Stand")
    doubtful = purchase_reward(other, {"color": "red", "size": "8"}, 31.0, wish, nouns=split, mode="strict")
    assert (doubtful.r_type, doubtful.title_score) == (0.5, 0.2)
    assert doubtful.total == pytest.approx(0.5 * 3 / 5)


@pytest.mark.parametrize(
    ("bought", "wanted", "changes", "r_type", "score"),
    [
        ("a", "a b c d", {}, 1.0, 0.25),
        ("a", "a b c d", {"query": "x", "product_category": "y"}, 1.0, 0.25),  # the title alone is enough above 0.2
        ("a", "a b c d e", {"query": "x", "product_category": "y"}, 0.5, 0.2),
        ("a", "a b c d e", {"query": "x", "product_category": "Home › Lighting"}, 1.0, 0.2),  # two segments shared
        ("a", "a b c d e f g h i j k", {}, 0.1, 1 / 11),
        ("x", "a b", {}, 0.0, 0.0),  # nothing shared: nothing earned, whatever the label
        ("x", "", {"query": "x", "product_category": "y"}, 0.5, 0.2),  # a goal without nouns
        ("a", "a a b", {}, 1.0, 1 / 3),  # repeats count in the goal's length
    ],
)
def test_type(bought: str, wanted: str, changes: dict[str, str], r_type: float, score: float) -> None:
    found = type_reward(product("W01", title=bought, **changes), goal(name=wanted), split)
    assert found[0] == r_type
    assert found[1] == pytest.approx(score)


def test_attributes() -> None:
    wish = goal(attributes=("essential oils", "easy use", "shines", "natural", "desk"))
    assert matched_attributes(product("W00", attributes=("essential oil",)), wish) == 4
    # "essential oils" is alike to "essential oil"; the others stand in bullet points, description and title.


def test_options_strict() -> None:
    assert matched_options({"color": "red", "size": "8.5"}, goal()) == 2
    assert matched_options({"color": "dark red", "size": "8"}, goal()) == 0
    assert matched_options({"style": "red"}, goal()) == 0  # chosen for something else
    assert matched_options({}, goal()) == 0
    human = goal(options=("4 oz/120 ml", "Red"), option_names=())
    assert matched_options({"size": "4 oz  |  120 ml", "color": "red"}, human) == 2


def test_options_compat() -> None:
    assert matched_options_compat({"color": "dark red", "size": "8"}, goal()) == 1  # "dark" comes first in the list
    assert matched_options_compat({"color": "cherry red"}, goal()) == 1
    assert matched_options_compat({"size": "8 wide"}, goal(options=("8",), option_names=("size",))) == 1  # too lenient
    assert matched_options_compat({"anything": "8.5"}, goal()) == 1


def test_colours_are_folded_in_the_lists_order() -> None:
    assert fold_colour("navy blue") == "blue"
    assert fold_colour("z-green stone") == "green"
    assert fold_colour("size 8") == "size 8"


def test_alike() -> None:
    assert alike("long sleeve", "sleeve long")
    assert alike("café", "caf")  # the code points 128 to 255 are dropped
    assert not alike("long sleeve", "short")
    assert not alike("", "")


@pytest.mark.parametrize(
    ("title", "nouns"),
    [
        ("Vhomes Lights Reclaimed Wood Console Table", ("vhomes", "lights", "reclaimed", "wood", "console", "table")),
        ("2 Pack of the Soft Blue T-Shirts for Men", ("pack", "shirts", "men")),
        ("", ()),
    ],
)
def test_content_words(title: str, nouns: tuple[str, ...]) -> None:
    assert content_words(title) == nouns


def test_noun_extractors_are_named() -> None:
    assert load_nouns("content_words")("Desk Lamp") == ("desk", "lamp")
    module = types.ModuleType("my_nouns")
    module.__dict__["last"] = lambda title: [title.split()[-1].lower()]
    sys.modules["my_nouns"] = module
    assert load_nouns("my_nouns:last")("Desk Lamp") == ("lamp",)
    for name in ("my_nouns:none", "nowhere:at_all", "spacy:no_such_model", "content"):
        with pytest.raises(ConfigError, match=r"cannot import|spaCy"):
            load_nouns(name)
