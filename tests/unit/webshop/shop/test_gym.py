"""The shop as a Gymnasium environment, also under random texts."""

from __future__ import annotations

import random
import warnings
from typing import cast

import pytest
from gymnasium.utils.env_checker import check_env

from mem1.errors import ConfigError
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.gym import ShopEnv, _weights_of
from mem1.webshop.shop.kinds import Look, Mode
from mem1.webshop.shop.state_machine import Page

SOURCE = WebshopConfig(products=60).build()


def make(mode: str = "strict", look: str = "text", **settings: str) -> ShopEnv:
    config = WebshopEnvConfig(mode=cast("Mode", mode), observation=cast("Look", look))
    return ShopEnv(SOURCE, config, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["strict", "compat"])
@pytest.mark.parametrize("look", ["text", "text_rich"])
def test_gymnasiums_checker_accepts_it(mode: str, look: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Only an environment from gymnasium.make can be made again with other render modes.
        warnings.filterwarnings("ignore", message=".*alternative render modes.*")
        check_env(make(mode, look))


def test_an_episode() -> None:
    env = make(render_mode="ansi")
    page, info = env.reset(seed=3)
    assert env.reset(seed=3) == (page, info)
    assert info["has_search_bar"]
    goal = env.visit.goal
    page, reward, terminated, truncated, info = env.step(f"search[{goal.name}]")
    assert (reward, terminated, truncated) == (0.0, False, False)
    assert goal.asin.lower() in info["clickables"]
    for action in (f"click[{goal.asin}]", *(f"click[{value}]" for value in goal.options)):
        page, reward, terminated, truncated, info = env.step(action)
        assert (reward, terminated) == (0.0, False)
    assert env.render().count("[clicked button]") == len(goal.options)
    page, reward, terminated, truncated, info = env.step("click[buy now]")
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info["parts"]["same_product"] == 1.0
    assert info["bought"].startswith(goal.asin)
    assert env.step("click[buy now]")[1:3] == (0.0, True)  # no second purchase


def test_a_goal_by_its_index() -> None:
    env = make()
    env.reset(options={"goal": 5})
    assert env.visit.goal == SOURCE.goals[int(SOURCE.objectives("train")[5].id.rsplit("/", 1)[1])]
    with pytest.raises(ConfigError, match="no goal -1"):
        env.reset(options={"goal": -1})
    with pytest.raises(ConfigError, match="no goal in split 'dev'"):
        ShopEnv(WebshopConfig(products=20, splits="mem1").build(), WebshopEnvConfig(), split="dev")


def test_steps_without_a_purchase_truncate() -> None:
    env = make()
    env.reset(seed=0)
    page = env.step("nothing of use")[0]
    ends = [env.step("click[search]") for _ in range(9)]
    assert [end[3] for end in ends] == [False] * 8 + [True]
    assert {end[0] for end in ends} == {page}


SIGNS = "[]<>()aé日🌈\u202e\x00\ud800 \n|›‹İß'\"\\{}%$"


def random_action(rng: random.Random, env: ShopEnv) -> str:
    """Sense, half of the time; else brackets, signs of any script, nothing at all, very long texts."""
    clickables = env.visit.clickables or ("x",)
    match rng.randrange(10):
        case 0 | 1:
            return f"click[{rng.choice(clickables)}]"
        case 2:
            return f"click[{rng.choice(clickables[-10:]).upper()}]"
        case 3:
            return "click[buy now]"
        case 4 | 5:
            return f"search[{rng.choice(('lamp', 'tea', 'women dress', 'zzz'))}]"
    junk = "".join(rng.choices(SIGNS, k=rng.choices((0, 1, 3, 40, 5000), (4, 4, 4, 4, 1))[0]))
    return rng.choice((f"click[{junk}]", f"click{junk}]", f"search[[{junk}", f"search[{junk}]", junk))


def fuzz(mode: str, count: int) -> tuple[int, int]:
    """``count`` random texts: how many purchases and how many episodes there were."""
    rng = random.Random(f"fuzz {mode}")
    env = make(mode)
    env.reset(seed=1)
    purchases, episodes, bought = 0, 1, False
    for _ in range(count):
        before = env.visit.state
        _, reward, terminated, truncated, _ = env.step(random_action(rng, env))
        if env.visit.state.page is Page.DONE and before.page is not Page.DONE:
            purchases += 1
            assert before.page is Page.ITEM
            assert terminated
            assert mode == "compat" or not bought  # no second purchase
            bought = True
        else:
            assert reward == 0.0  # no reward without a purchase
        assert 0.0 <= reward <= 1.0
        # Some steps are taken after the end, where nothing may be earned any more.
        if (terminated or truncated) and rng.random() < 0.7:
            env.reset()
            episodes, bought = episodes + 1, False
    return purchases, episodes


@pytest.mark.parametrize("mode", ["strict", "compat"])
def test_random_texts(mode: str) -> None:
    purchases, episodes = fuzz(mode, 3000)
    assert purchases > 15
    assert episodes > 100


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("mode", ["strict", "compat"])
def test_a_hundred_thousand_random_texts(mode: str) -> None:
    purchases, _ = fuzz(mode, 100_000)
    assert purchases > 500


def test_the_weights_of_goals_are_summed_once_for_all_environments_of_a_shop() -> None:
    one, other = make(split="test"), make(split="test")
    sums = _weights_of(one.visit.shop, "test")
    assert sums is _weights_of(other.visit.shop, "test")
    assert sums[0] == 0.0
    assert sums[-1] == pytest.approx(sum(goal.weight for goal in one.goals))
