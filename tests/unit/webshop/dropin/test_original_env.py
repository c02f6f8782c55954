"""The published calls, on the recordings and on an invented catalogue."""

from __future__ import annotations

import copy
import pickle
import random
from itertools import accumulate
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from mem1.errors import ConfigError
from mem1.webshop.catalogue.goals import by_weight
from mem1.webshop.dropin.original import WebAgentTextEnv
from mem1.webshop.dropin.server import ServerSettings, ShopServer
from tests.unit.webshop.dropin.catalogue import written
from tests.unit.webshop.shop.recorded import FOLDER, compat_shop, needs_recordings, recordings


@pytest.fixture(scope="module")
def items(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("shop"))


def make(items: Path, mode: str = "text", **settings: Any) -> WebAgentTextEnv:
    return WebAgentTextEnv(mode, items, nouns="content_words", **settings)  # type: ignore[arg-type]


@needs_recordings
@pytest.mark.parametrize("mode", ["text", "text_rich"])
def test_every_recorded_episode_is_the_same_through_the_published_calls(mode: str) -> None:
    server = ShopServer(ServerSettings(FOLDER / "items_shuffle_1000.json", nouns="content_words"))
    server.shop = compat_shop()
    env = WebAgentTextEnv(mode, server=server)  # type: ignore[arg-type]
    key = "text" if mode == "text" else "rich"
    for episode in recordings()["episodes"][::4]:
        page, info = env.reset(session=episode["goal"])
        assert (page, info) == (episode["first"][key], None)
        server.user_sessions.clear()
        env.reset(session=episode["goal"])
        for step in episode["steps"]:
            assert env.step(step["action"]) == (step[key], step["reward"], step["done"], None)
            offered = {"has_search_bar": step["search"], "clickables": step["clickables"]}
            assert env.get_available_actions() == offered
            session = server.user_sessions[str(episode["goal"])]
            assert session["keywords"] == step["keywords"]
            if step["page"]:
                assert (session["asin"], session["options"]) == (step["asin"], step["options"])
                assert (session["page"], step["page"] in env.state["url"]) == (step["number"], True)


def bought(env: WebAgentTextEnv, index: int) -> list[tuple[str, float, bool, Any]]:
    """All steps of buying what the goal was made from."""
    goal = env.server.goals[index]
    env.reset(session=index)
    actions = [f"search[{goal['name']}]", f"click[{goal['asin'].lower()}]"]
    actions += [f"click[{value}]" for value in goal["goal_options"].values()]
    return [env.step(action) for action in [*actions, "click[buy now]"]]


def test_an_episode_with_the_published_calls(items: Path) -> None:
    env = make(items)
    assert env.get_instruction_text().startswith("Instruction: ")
    *steps, (page, reward, done, info) = bought(env, 3)
    assert {(reward, done, info) for _, reward, done, info in steps} == {(0.0, False, None)}
    assert (reward, done, info) == (1.0, True, None)
    assert page.startswith("Thank you for shopping with us! [SEP] Your code:")
    assert "Your score (min 0.0, max 1.0) [SEP] 1.0" in page
    assert env.get_available_actions() == {"has_search_bar": False, "clickables": []}
    session = env.server.user_sessions["3"]
    assert (session["done"], session["reward"], session["verbose_info"]["r_type"]) == (True, 1.0, 1.0)
    assert session["goal"] == env.server.goals[3]


def test_a_session_keeps_its_goal_and_others_are_drawn_by_weight(items: Path) -> None:
    env = make(items)
    first, _ = env.reset(session="somebody")
    assert env.reset(session="somebody")[0] == first
    assert env.reset(session=0)[0] != env.reset(session=1)[0]
    assert env.server.goals[1]["instruction_text"] in env.observation
    before = set(env.server.user_sessions)
    for _ in range(5):
        env.reset()
    assert len(set(env.server.user_sessions) - before) == 1  # a session that nobody named ends with the next
    env.close()
    assert set(env.server.user_sessions) == before


def test_the_published_test_of_drawing_by_weight() -> None:
    rng = random.Random(24)
    sums = [0, *accumulate(rng.randint(0, 10) for _ in range(50))]
    assert [by_weight(sums, rng.uniform) for _ in range(3)] == [44, 15, 36]


@pytest.mark.parametrize(
    ("settings", "count"),
    [({"limit_goals": 7}, 7), ({"filter_goals": lambda index, goal: index % 2 == 0 and goal["weight"] > 0}, None)],
)
def test_goals_are_chosen(items: Path, settings: dict[str, Any], count: int | None) -> None:
    everything = make(items).server.goals
    chosen = make(items, **settings).server.goals
    assert len(chosen) == (count or (len(everything) + 1) // 2)
    assert all(goal in everything for goal in chosen)
    assert make(items, **settings).server.goals == chosen


def test_the_order_of_goals_depends_on_the_seed_and_the_shop_starts_over(items: Path) -> None:
    published, other, again = make(items), make(items, seed=1), make(items, seed=1)
    assert other.server.goals == again.server.goals != published.server.goals
    assert sorted(map(str, other.server.goals)) == sorted(map(str, published.server.goals))
    page, reward, done, _ = bought(other, 0)[-1]
    assert (reward, done) == (1.0, True)
    assert page.startswith("Thank you")
    assert other.get_available_actions() == {"has_search_bar": True, "clickables": ["search"]}


def test_earlier_pages_and_actions_stand_before_a_page(items: Path) -> None:
    env = make(items, num_prev_obs=1, num_prev_actions=2)
    plain = make(items)
    start, _ = env.reset(session=2)
    assert plain.reset(session=2)[0] == start
    results, product = plain.step("search[lamp]")[0], plain.step("click[back to search]")[0]
    assert env.step("search[lamp]")[0] == " [SEP] ".join([start, "search[lamp]", results])
    assert env.step("click[back to search]")[0] == " [SEP] ".join(
        ["search[lamp]", results, "click[back to search]", product]
    )


def test_what_was_assigned_stands_on_every_page(items: Path) -> None:
    env = make(items)
    env.server.assigned_instruction_text = "Buy something nice"
    assert "Buy something nice" in env.reset(session=4)[0]
    assert env.server.goals[4]["instruction_text"] == "Buy something nice"
    assert make(items).server.goals[4]["instruction_text"] != "Buy something nice"
    env.reset(session=4, instruction_text="only said")
    assert env.state["instruction_text"] == "only said"


def copies(env: WebAgentTextEnv) -> list[WebAgentTextEnv]:
    return [env.clone(), copy.deepcopy(env), pickle.loads(pickle.dumps(env))]


def test_a_copy_goes_its_own_way(items: Path) -> None:
    env = make(items)
    goal = env.server.goals[6]
    env.reset(session=6)
    env.step(f"search[{goal['name']}]")
    here = env.observation
    for other in copies(env):
        assert other.observation == here
        assert other.server.shop is env.server.shop
        other.step(f"click[{goal['asin'].lower()}]")
        for value in goal["goal_options"].values():
            other.step(f"click[{value}]")
        assert other.step("click[buy now]")[1:3] == (1.0, True)
        assert env.observation == here
        assert not env.server.user_sessions["6"]["done"]


def test_many_environments_share_one_index_and_a_pickle_is_small(items: Path) -> None:
    many = [make(items) for _ in range(8)]
    assert len({id(env.server.shop) for env in many}) == 1
    assert len(pickle.dumps(many[0])) < 20_000
    many[0].server.goals = many[0].server.goals[:2]
    assert len(many[1].server.goals) > 2
    assert len(pickle.loads(pickle.dumps(many[0])).server.goals) == 2


def test_what_does_not_exist_is_refused(items: Path) -> None:
    with pytest.raises(ConfigError, match="not supported"):
        make(items, "image")
    with pytest.raises(ConfigError, match="no picture features"):
        make(items, get_image=True)
    with pytest.raises(ConfigError, match="no goal 100000"):
        make(items).reset(session=100_000)
    with pytest.raises(ConfigError, match="no goals"):
        make(items, filter_goals=lambda index, goal: False)


def test_gymnasium_makes_it_by_the_original_id(items: Path) -> None:
    env = gymnasium.make("WebAgentTextEnv-v0", observation_mode="text", file_path=str(items), nouns="content_words")
    assert type(env) is WebAgentTextEnv
    page, _ = env.reset(session=1)
    assert page in env.observation_space
    for action in ("search[lamp]", *(f"click[{one}]" for one in env.get_available_actions()["clickables"])):
        assert action in env.action_space
