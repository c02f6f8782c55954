"""What every environment promises, checked for the shop on random conversations."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.envs.base import Environment
from mem1.tasks.compose import make_task
from mem1.types import Action, Answer, Composition, Malformed, tool_call
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.shop.config import WebshopEnvConfig

SHOP = WebshopConfig(products=60).build()
FIRST = next(iter(SHOP.products)).lower()
TEXT = st.sampled_from(
    ["tea", "dress", "zzz", FIRST, "buy now", "next >", "‹ prev", "features", "red", "<click>x</click>", ""]
)
ACTIONS = st.lists(
    st.builds(tool_call, st.just("search"), query=TEXT)
    | st.builds(tool_call, st.just("click"), target=TEXT)
    | st.builds(Answer, text=TEXT)
    | st.builds(Malformed, reason=TEXT)
    | st.builds(tool_call, st.just("open"), url=TEXT),
    max_size=20,
)
MAKERS = {
    f"{mode} {look}": WebshopEnvConfig(mode=mode, observation=look, turns_per_goal=4).build(SHOP)
    for mode in ("strict", "compat")
    for look in ("text", "text_rich")
}


@pytest.mark.parametrize("name", MAKERS)
@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 3), actions=ACTIONS)
def test_contract(name: str, size: int, actions: list[Action]) -> None:
    task = make_task(SHOP.objectives("train")[:size], Composition.SEQUENTIAL, "train")
    world = MAKERS[name](task)
    assert isinstance(world, Environment)
    assert world.task == task
    assert world.max_turns == 4 * size
    prompt, first = world.reset()
    assert prompt
    assert first is not None
    reached = 0
    for turns, action in enumerate(actions, start=1):
        assert reached <= world.objective < size  # never back to an earlier goal
        reached = world.objective
        observation = asyncio.run(world.step(action))
        score = world.score()  # can be asked for at any time
        assert score == world.score()
        assert len(world.answers) == len(score.metrics["score"]) == len(score.metrics["r_type"]) == size
        for answer, reward, answered in zip(world.answers, score.metrics["score"], score.answered, strict=True):
            assert (answer is not None) == answered
            assert answered or reward == 0.0  # no reward without a purchase
        if observation.done:
            break
        assert observation.tail.startswith("Turns left: ")
        assert turns < world.max_turns


def test_each_episode_has_a_visit_of_its_own() -> None:
    task = make_task(SHOP.objectives("train")[:1], Composition.SEQUENTIAL, "train")
    one, other = MAKERS["strict text"](task), MAKERS["strict text"](task)
    asyncio.run(one.step(tool_call("search", query="tea")))
    before = other.reset()[1]
    assert before is not None
    assert before.passages[0].startswith("WebShop [SEP] ")
