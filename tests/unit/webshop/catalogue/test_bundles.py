"""Wishes that depend on earlier purchases."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from mem1.errors import DataError
from mem1.tasks.chain import ChainSource
from mem1.tasks.compose import compose
from mem1.types import Composition
from mem1.webshop.catalogue.bundles import BundleMaker, Wish, wish_from
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import goal_of
from tests.unit.webshop.shop.shops import goal

WISH = "Find me a lamp with color: red, and size: 8.5, and price lower than 30.00 dollars"
GOALS = {
    0: goal("W00", instruction=WISH),
    1: goal("W01", instruction=WISH.replace("red", "blue").replace("8.5", "8"), options=("blue", "8")),
    2: goal("W02", instruction=WISH.replace("red", "blue"), options=("blue", "8.5")),
}
PRICE = {"W00": 20.0, "W01": 12.5, "W02": 40.0}


def test_a_wish_speaks_of_an_earlier_thing() -> None:
    maker = BundleMaker(GOALS, PRICE)
    first = Wish(0, {}, ({"color": "red", "size": "8.5"},), 20.0, ("W00",))
    assert maker.text(first) == "Find me a lamp with color: red, and size: 8.5"
    # Only W02 shares something with W00: the size.
    found = [maker.next(first, random.Random(seed)) for seed in range(20)]
    second = next(wish for wish in found if wish is not None)
    assert all(wish in (None, second) for wish in found)
    assert (second.goal, second.links, second.price, second.asins) == (2, {"size": 0}, 40.0, ("W00", "W02"))
    assert second.planned == ({"color": "red", "size": "8.5"}, {"color": "blue", "size": "8.5"})
    assert maker.text(second) == "Find me a lamp with color: blue, and size: to fit thing 1"
    assert (
        maker.text(replace(second, links={"color": 2})) == "Find me a lamp with color: same as thing 3, and size: 8.5"
    )
    assert wish_from(second.facts) == second


def test_where_nothing_is_shared_there_is_no_link() -> None:
    maker = BundleMaker({0: GOALS[0], 1: GOALS[1]}, PRICE)
    first = Wish(0, {}, ({"color": "red", "size": "8.5"},), 20.0, ("W00",))
    assert [maker.next(first, random.Random(seed)) for seed in range(5)] == [None] * 5


def test_goals_without_named_options_make_no_bundle() -> None:
    with pytest.raises(DataError, match="no goal has an option with a name"):
        BundleMaker({0: goal(options=(), option_names=()), 1: goal(options=("red",), option_names=())}, PRICE)


def test_the_shop_composes_bundles_as_chains() -> None:
    shop = WebshopConfig().build()
    assert isinstance(shop, ChainSource)
    made = [
        compose([shop], composition=Composition.CHAINED, objectives=8, count=20, seed=3, split="test") for _ in range(2)
    ]
    assert made[0] == made[1]
    asins = {objective.answers[0] for objective in shop.objectives("test")}
    for task in made[0]:
        assert task.reveal == "one_by_one"
        assert {objective.answers[0] for objective in task.objectives} <= asins
        assert len({objective.answers[0] for objective in task.objectives}) == 8
        for number, objective in enumerate(task.objectives):
            wish = wish_from(objective.metadata["bundle"])
            wanted = dict(zip(goal_of(objective).option_names, goal_of(objective).options, strict=True))
            assert wish.planned[number] == wanted
            assert bool(wish.links) == (number > 0)
            for name, thing in wish.links.items():
                assert thing < number
                assert wish.planned[thing][name] == wanted[name]
                assert f"{name}: {wanted[name]}" not in objective.question
                assert f"thing {thing + 1}" in objective.question
