"""Bundles in the shop: one budget, wishes as purchases left them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mem1.tasks.compose import make_task
from mem1.types import Composition, Objective, Score, Task, tool_call
from mem1.webshop.catalogue.bundles import Wish
from mem1.webshop.shop.basket import Basket
from mem1.webshop.shop.env import ShopEnvironment
from tests.unit.webshop.shop.shops import goal, shop
from tests.unit.webshop.shop.tasks import objective

PLAN: tuple[dict[str, str], ...] = ({"color": "red", "size": "8.5"}, {"color": "red", "size": "8"})


def wished(id: str, asin: str, number: int, price: float, **links: int) -> Objective:
    options = PLAN[number]
    plain = objective(id, goal(asin, options=tuple(options.values()), option_names=tuple(options)))
    wish = Wish(number, links, PLAN[: number + 1], price)
    said = "with color: same as thing 1, and size: 8" if links else "with color: red, and size: 8.5"
    return plain.model_copy(update={"question": f"A lamp {said}", "metadata": {**plain.metadata, "bundle": wish.facts}})


def bundle(price: float = 20.0) -> Task:
    things = [wished("0", "W00", 0, 20.0), wished("1", "W01", 1, price, color=0)]
    return make_task(things, Composition.CHAINED, "test")


def shopped(task: Task, *purchases: tuple[str, ...]) -> tuple[ShopEnvironment, list[str], Score]:
    """Buy the product with those options for each goal; what was shown after each purchase."""
    env, seen = ShopEnvironment(task, shop()), []
    env.reset()
    for asin, *options in purchases:
        asyncio.run(env.step(tool_call("search", query="lamp")))
        for thing in (asin, *options, "buy now"):
            shown = asyncio.run(env.step(tool_call("click", target=thing)))
        seen.append(f"{shown.head} {' '.join(shown.passages)}".strip())
    return env, seen, env.score()


def of(score: Score, *names: str) -> list[Any]:
    return [score.metrics[name] for name in names]


def test_the_budget_is_the_planned_prices_and_a_twentieth_up_to_the_next_ten() -> None:
    basket = Basket.of(bundle(price=20.0))
    assert basket is not None
    assert (basket.budget, basket.left) == (50.0, 50.0)  # 42
    assert Basket.of(make_task([objective("0", goal())], Composition.SEQUENTIAL, "test")) is None


def test_a_bundle_bought_as_wished() -> None:
    env, seen, score = shopped(bundle(), ("W00", "red", "8.5"), ("W01", "red", "8"))
    assert env.visit.done
    assert seen[0].startswith(
        "Bought. It cost $20.00. The next wish: WebShop [SEP] Instruction: [SEP] A lamp with color: "
    )
    assert "color: same as thing 1, and size: 8, and price within what is left of 50.00 dollars" in seen[0]
    assert seen[1] == "Bought. It cost $20.00."
    assert of(score, "success", "r_link", "unbroken") == [(1.0, 1.0), (None, 1.0), (1.0, 1.0)]
    assert score.scorer.endswith("; a bundle")


def test_a_later_wish_follows_what_was_really_bought() -> None:
    # Thing 1 was bought in blue: one of its two options is wrong, and "same as thing 1" is blue from then on.
    _, _, score = shopped(bundle(), ("W00", "blue", "8.5"), ("W01", "blue", "8"))
    assert of(score, "success", "r_option", "r_link", "unbroken") == [(0.0, 1.0), (0.5, 1.0), (None, 1.0), (0.0, 0.0)]
    _, _, score = shopped(bundle(), ("W00", "blue", "8.5"), ("W01", "red", "8"))
    assert of(score, "r_option", "r_link") == [(0.5, 0.5), (None, 0.0)]


def test_what_was_not_bought_cannot_be_matched() -> None:
    _, _, score = shopped(bundle(), ("W00", "8.5"), ("W01", "red", "8"))
    assert of(score, "r_link", "r_option") == [(None, 0.0), (0.5, 0.5)]


def test_money_that_was_spent_is_gone() -> None:
    # W02 costs 40 of 50: 10 are left, and W01 costs 20. All else is right.
    _, seen, score = shopped(bundle(), ("W02", "red", "8.5"), ("W01", "red", "8"))
    assert seen[0].startswith("Bought. It cost $40.00.")
    assert of(score, "r_price", "success", "unbroken") == [(1.0, 0.0), (1.0, 0.0), (1.0, 0.0)]
    assert score.metrics["score"] == (1.0, 0.8)  # of two attributes, two options and the price


def test_a_goal_that_was_not_come_to_is_forgotten_too() -> None:
    _, _, score = shopped(bundle(), ("W00", "red", "8.5"))
    assert of(score, "success", "r_link", "unbroken", "r_price") == [(1.0, 0.0), (None, 0.0), (1.0, 0.0), (1.0, 0.0)]


@pytest.mark.parametrize("told", [True, False])
def test_the_prompt_says_what_has_to_be_kept(told: bool) -> None:
    task = bundle() if told else make_task([objective("0", goal())], Composition.SEQUENTIAL, "test")
    assert ("same as thing 1" in ShopEnvironment(task, shop()).reset()[0]) is told
