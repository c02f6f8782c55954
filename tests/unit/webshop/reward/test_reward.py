"""Rewards worked out by hand."""

from __future__ import annotations

import sys
import types

import pytest

from mem1.errors import ConfigError
from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.reward.colours import fold_colour
from mem1.webshop.reward.nouns import content_words, load_nouns
from mem1.webshop.reward.reward import (
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


def test_compat_compares_what_was_chosen_with_the_pair_of_name_and_value() -> None:
    wish = goal()  # color: red, size: 8.5
    # A pair is a colour where its value is one: ("color", "red") is "red"; ("size", "8.5") is the text "size 8 5".
    assert matched_options_compat({"color": "red", "size": "8.5"}, wish) == 2  # "8 5" stands in "size 8 5": 100
    assert matched_options_compat({"color": "cherry red", "size": "8"}, wish) == 2  # folded; "8" stands in "size 8 5"
    assert matched_options_compat({"color": "dark red"}, wish) == 0  # "dark" comes first in the list
    assert matched_options_compat({"anything": "8.5"}, wish) == 1
    large = goal(options=("large",), option_names=("size",))
    assert matched_options_compat({"size": "x-large"}, large) == 0  # "large" and "large x": 83
    assert matched_options_compat({"size": "large"}, large) == 1
    navy = goal(options=("greyish",), option_names=("color",))
    assert matched_options_compat({"color": "greyish"}, navy) == 0  # chosen "grey"; wanted "color greyish"
    quoted = goal(options=("6\" x 9'",), option_names=("size",))
    assert matched_options_compat({"size": "6\" x 9'"}, quoted) == 1


def test_compat_compares_the_values_of_human_goals() -> None:
    def human(*options: str) -> Goal:
        return goal(options=options, option_names=())

    assert matched_options_compat({"color": "navy blue"}, human("navy blue")) == 1
    assert matched_options_compat({"size": "x-large"}, human("large")) == 1
    assert matched_options_compat({"size": "8 wide"}, human("8")) == 1
    # The cases of the published tests.
    bought = {"a": "pack of 12", "b": "grey", "c": "XL"}
    assert matched_options_compat(bought, human("grey", "XL", "pack of 12")) == 3
    assert matched_options_compat(bought | {"b": "blue"}, human("grey", "XL", "pack of 12")) == 2
    assert matched_options_compat(bought | {"b": "powder snow"}, human("cool powder snow", "XL", "pack of 12")) == 3
    assert matched_options_compat({"a": "goal 1", "b": "goal 2"}, human()) == 0
    assert matched_options_compat({}, human("goal 1", "goal 2")) == 0


def test_the_published_tests_of_attributes() -> None:
    wish = goal(attributes=("tea tree", "essential oils", "natural ingredients"))

    def matched(*own: str, bullets: tuple[str, ...] = (), description: str = "", title: str = "") -> int:
        bought = product("W01", title=title, bullets=bullets, description=description, attributes=own)
        return matched_attributes(bought, wish)

    assert matched("tea tree", "essential oil", "natural ingredients") == 3
    assert matched("essential oil", "natural ingredients") == 2
    points = ("This shampoo has essential oils and smells like lemons",)
    assert matched(bullets=points, description="Best shampoo on the market, made with natural ingredients") == 2
    tea = {"title": "English tea for breakfast", "description": "Best tea made by Lipton, great to pair with breakfast"}
    assert matched("tea bag", "earl gray", "lipton", bullets=("Soothing aroma", "Calming, great feeling"), **tea) == 0


def test_the_last_bit_of_a_reward() -> None:
    # (1 + 1 + 1) / 7 * 0.1 is 0.04285714285714286; 0.1 * 3 / 7 would be 0.042857142857142864.
    wish = goal(attributes=("led light", "a1", "a2", "a3"), options=("red", "8.5"), name="a b c d e f g h i j desk")
    paid = purchase_reward(product("W00"), {"color": "red"}, 20.0, wish, nouns=split, mode="compat")
    assert (paid.r_type, paid.attributes, paid.options, paid.price) == (0.1, (1, 4), (1, 2), True)
    assert paid.total == 3 / 7 * 0.1 != 0.1 * 3 / 7


def test_colours_are_folded_in_the_lists_order() -> None:
    assert fold_colour("navy blue") == "blue"
    assert fold_colour("z-green stone") == "green"
    assert fold_colour("size 8") == "size 8"


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
