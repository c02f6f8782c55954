"""The rule-based shopper, through the episode loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mem1.inference.scripted.engine import ScriptedEngine
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.demonstrations import demonstrate
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.tasks.compose import compose, make_task
from mem1.types import Composition, Episode, Task, ToolCall
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.lessons import shop_lesson
from mem1.webshop.reward.nouns import content_words
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.env import ShopEnvironment
from mem1.webshop.shop.state_machine import Machine
from mem1.webshop.shop.visit import Shop
from mem1.webshop.shopper import Shopper, Wish, read_wish, shopper_engine
from tests.published import needs_published_files, published
from tests.unit.webshop.shop.shops import Shelf, goal, product
from tests.unit.webshop.shop.tasks import objective


@pytest.mark.parametrize(
    ("instruction", "wish"),
    [
        (
            "Find me lamps with led light with color: dark red, and size: 8, 9, and price lower than 30.00 dollars",
            Wish("lamps with led light dark red 8, 9", (("color", "dark red"), ("size", "8, 9")), 30.0),
        ),
        ("Find me lamps with led light", Wish("lamps with led light", (), None)),
        ("i am looking for a red lamp, and price lower than 5.00 dollars", Wish("red lamp", (), 5.0)),
    ],
)
def test_reading_a_wish(instruction: str, wish: Wish) -> None:
    assert read_wish(instruction) == wish


def play(shop: Shop, *wishes: Any, told: bool = False, turns: int = 10) -> Episode:
    task = make_task([objective(str(i), w) for i, w in enumerate(wishes)], Composition.SEQUENTIAL, "test")
    shopper = Shopper()
    requests = group_requests([task], 1, seed=0, label="t")
    if told:
        shopper.enlist(requests[0].episode_id, task)
    parts = RolloutContext(
        engine=ScriptedEngine(shopper),
        make_env=lambda one: ShopEnvironment(one, shop, turns_per_goal=turns),
        make_memory=StateMemoryConfig().build(),
        temperature=0.0,
        reward=lambda score: score.total("score"),
    )
    (episode,) = asyncio.run(run_requests(requests, parts, concurrency=1))
    return episode


def lamps(**sizes: tuple[str, ...]) -> Shop:
    """One lamp for each name, with these sizes; W1 is dear."""
    products = {
        asin: product(asin, prices=(50.0,) if asin == "W1" else (20.0,), options={"size": values})
        for asin, values in sizes.items()
    }
    prices = {asin: one.prices[0] for asin, one in products.items()}
    return Shop(Machine(products, Shelf(tuple(products))), prices, content_words, "lamps")


WISH = goal(
    "W3",
    instruction="Find me a lamp with size: 9, and price lower than 30.00 dollars",
    options=("9",),
    option_names=("size",),
)


def written(episode: Episode) -> list[str]:
    return [turn.state + turn.action_text for turn in episode.turns]


def test_it_puts_back_what_lacks_the_option_and_remembers_that_on_its_page() -> None:
    episode = play(lamps(W1=("9",), W2=("8",), W3=("8", "9")), WISH)
    assert written(episode) == [
        "<think> 9 below 30</think><search> lamp 9</search>",
        "<think> 9 below 30</think><click> w2</click>",  # W1 costs too much
        "<think>  below 30 not w2</think><click> ‹ prev</click>",
        "<think> 9 below 30 not w2</think><click> w3</click>",
        "<think> 9 below 30 not w2</think><click> 9</click>",
        "<think>  below 30 not w2</think><click> buy now</click>",
    ]
    assert episode.reward == 1.0
    assert episode.answers == ("W3 (size: 9)",)


def test_told_the_product_it_goes_there() -> None:
    episode = play(lamps(W2=("9",), W4=("9",), W3=("9",)), WISH, told=True)
    assert [turn.action_text for turn in episode.turns][1:] == [
        "<click> w3</click>", "<click> 9</click>", "<click> buy now</click>",
    ]  # fmt: skip


def test_it_buys_before_the_turns_are_used_up() -> None:
    episode = play(lamps(W2=("8",), W4=("8",), W5=("8",)), WISH, turns=6)
    # No lamp has the size: one is put back, the second is bought as it is. Attributes 2 and price of 2 + 1 + 1.
    assert episode.reward == 3 / 4
    assert len(episode.turns) == 5
    assert episode.answers != (None,)


def test_nothing_to_be_found() -> None:
    nothing = Shop(Machine({"W2": product("W2")}, Shelf(())), {"W2": 20.0}, content_words, "empty")
    episode = play(nothing, WISH, turns=4)
    assert episode.reward == 0.0
    assert episode.stop == "turn_limit"
    assert episode.answers == (None,)
    # It tries again from the start page, and that is no second goal.
    assert [turn.action.name for turn in episode.turns if isinstance(turn.action, ToolCall)] == [
        "search",
        "click",
        "search",
        "click",
    ]


def test_it_does_not_walk_past_the_last_results() -> None:
    products = {f"W{i:02}": product(f"W{i:02}", options={}) for i in range(12)}
    wish = goal("W99", instruction="Find me a lamp", options=(), option_names=())
    machine = Machine(products, Shelf(tuple(products)), "compat")
    told = Shop(machine, dict.fromkeys(products, 20.0), content_words, "compat")
    episode = play(told, wish, told=True)
    # The product it was told is nowhere: two results pages are looked through, then it takes what there is.
    assert [turn.action_text for turn in episode.turns][1:] == [
        "<click> next ></click>", "<click> w10</click>", "<click> buy now</click>",
    ]  # fmt: skip


def test_several_goals_in_one_session() -> None:
    shop = lamps(W2=("8",), W3=("8", "9"))
    other = goal("W2", instruction="Find me a lamp with size: 8", options=("8",), option_names=("size",))
    episode = play(shop, WISH, other, told=True)
    assert episode.reward == 2.0
    assert [turn.objective for turn in episode.turns] == [0, 0, 0, 0, 1, 1, 1, 1]


def test_demonstrations_of_invented_catalogues() -> None:
    source = WebshopConfig().build()
    tokenizer = shopper_engine().tokenizer

    def lesson(number: int) -> list[Episode]:
        made = shop_lesson(source, WebshopEnvConfig(), number, seed=0, products=30, real=0.0, objectives=1, count=8)
        return demonstrate(made, StateMemoryConfig().build(), tokenizer, label=str(number))

    first, again, second = lesson(0), lesson(0), lesson(1)
    assert len(first) >= 6
    assert [e.task for e in first] == [e.task for e in again]
    assert {e.task.id for e in first}.isdisjoint(e.task.id for e in second)
    assert all(e.reward == 1.0 for e in first)


@needs_published_files
def test_on_the_published_test_goals() -> None:
    source = published().build()
    tasks: list[Task] = compose(
        [source], composition=Composition.SEQUENTIAL, objectives=1, count=60, seed=0, split="test", order="consecutive"
    )
    env = WebshopEnvConfig()
    parts = RolloutContext(
        engine=shopper_engine(),
        make_env=env.build(source),
        make_memory=StateMemoryConfig().build(),
        temperature=0.0,
        reward=lambda score: score.total("score"),
    )
    episodes = asyncio.run(run_requests(group_requests(tasks, 1, seed=0, label="t"), parts, concurrency=8))
    assert not any(episode.failed for episode in episodes)
    assert sum(episode.reward or 0 for episode in episodes) / len(episodes) > 0.8
