"""``mem1/WebShop-v0``: made by name, copied, sent to other processes, in vectors."""

from __future__ import annotations

import copy
import pickle
from typing import Any, cast

import gymnasium
import pytest
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

from mem1.errors import ConfigError
from mem1.webshop.dropin.register import register_here
from mem1.webshop.shop.gym import ShopEnv

register_here()


def make(**settings: Any) -> ShopEnv:
    return cast("ShopEnv", gymnasium.make("mem1/WebShop-v0", **({"products": 40} | settings)))


def test_it_is_made_by_its_name_and_a_recipes_keys() -> None:
    env = make(split="test", mode="compat", observation="text_rich", turns_per_goal=3)
    assert type(env) is ShopEnv
    page, info = env.reset(session=4)
    assert page.startswith("WebShop\nInstruction: \n")
    assert (info["goal"], env.get_instruction_text()) == (4, env.goals[4].instruction)
    assert env.get_available_actions() == {"has_search_bar": True, "clickables": ["search"]}
    assert env.reset(options={"session": 4})[0] == env.reset(options={"goal": 4})[0] == page
    with pytest.raises(ConfigError, match="unknown setting 'product'"):
        make(product=3)
    with pytest.raises(ConfigError, match="unknown setting 'type'"):
        make(type="webshop")


def test_every_action_that_is_offered_is_in_the_space() -> None:
    env = make()
    for index, goal in enumerate(env.goals[:20]):
        env.reset(session=index)
        for action in (f"search[{goal.instruction}]", f"click[{goal.asin.lower()}]"):
            assert action in env.action_space
            page, *_ = env.step(action)
            assert page in env.observation_space
            assert all(f"click[{one}]" in env.action_space for one in env.get_available_actions()["clickables"])


def test_copies_go_their_own_way_and_share_the_shop() -> None:
    env = make()
    env.reset(seed=5)
    env.step(f"search[{env.visit.goal.name}]")
    here = env.render()
    for other in (env.clone(), copy.deepcopy(env), copy.copy(env).clone(), pickle.loads(pickle.dumps(env))):
        assert other.render() == here
        assert other.visit.shop is env.visit.shop
        other.step("click[back to search]")
        assert env.render() == here
        assert other.reset()[1]["goal"] == env.clone().reset()[1]["goal"]  # draws go on alike
        assert other.action_space == env.action_space
    assert len(pickle.dumps(env)) < 20_000


def test_a_page_as_html() -> None:
    env = make(render_mode="html")
    env.reset(session=0)
    assert 'id="search_input"' in str(env.render())


def steps_of(many: Any) -> list[Any]:
    pages, _ = many.reset(seed=1)
    found = [list(map(str, pages))]
    pages, rewards, *_ = many.step(["search[lamp]", "click[search]"])
    many.close()
    return [*found, list(map(str, pages)), list(rewards)]


def test_vectors_without_shared_memory() -> None:
    alone = steps_of(SyncVectorEnv([make] * 2))
    assert alone[1][0].startswith("Instruction: [SEP] ")
    assert alone[1][1] == alone[0][1]
    assert steps_of(AsyncVectorEnv([make] * 2, shared_memory=False)) == alone
