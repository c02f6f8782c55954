"""People's sessions as demonstrations."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mem1.errors import DataError
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.types import calls
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import Webshop, goal_of
from mem1.webshop.people.log import PersonSession, SessionLog, Step
from mem1.webshop.people.teacher import Follower, people_teach
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.visit import Visit


def shopped(shop: Webshop, path: Path, number: int) -> PersonSession:
    """Somebody buys what test goal ``number`` was made from; it is kept as the site keeps it."""
    objectives = shop.objectives("test")
    goal = goal_of(objectives[number])
    visit, steps = Visit(WebshopEnvConfig().open(shop), goal), []
    moves: list[Search | Click] = [
        Search(goal.name.lower()),
        Click(goal.asin.lower()),
        *map(Click, goal.options),
        Click("buy now"),
    ]
    for move in moves:
        said = f"search[{move.query}]" if isinstance(move, Search) else f"click[{move.target}]"
        steps.append(Step(page=visit.text(), offered=visit.clickables, action=said))
        assert visit.do(move)
    log = SessionLog(path, "test", objectives)
    log.keep(number, visit, steps)
    log.close()
    return PersonSession.model_validate_json(path.read_text(encoding="utf-8").splitlines()[-1])


def test_a_session_is_lived_once_more(tmp_path: Path) -> None:
    shop, path = WebshopConfig(products=60).build(), tmp_path / "log.jsonl"
    kept = shopped(shop, path, 3)
    assert kept.reward == 1.0
    (task,), follower = people_teach(path, [shop])
    requests = group_requests([task], 1, seed=0, label="people")
    follower.enlist(requests[0].episode_id, 0)
    parts = RolloutContext(
        engine=ScriptedEngine(follower),
        make_env=WebshopEnvConfig().build(shop),
        make_memory=StateMemoryConfig().build(),
        temperature=0.0,
        reward=lambda score: score.total("score"),
    )
    (episode,) = asyncio.run(run_requests(requests, parts, concurrency=1))
    assert (episode.reward, episode.stop, len(episode.turns)) == (1.0, "answered", len(kept.steps))
    goal = goal_of(task.objectives[0])
    limit = f" below {goal.price_upper:g}"
    assert episode.turns[0].state == f"<think> {'; '.join(goal.options)}{limit}</think>"
    assert episode.turns[-1].state == f"<think> {limit}</think>"
    assert calls(episode.turns[-1].action, "click")


def test_an_errand_of_another_shop_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    shopped(WebshopConfig(products=60).build(), path, 3)
    with pytest.raises(DataError, match="has no errand") as caught:
        people_teach(path, [WebshopConfig(products=60, catalogue_seed=1).build()])
    assert "own (seed 0), 60 products" in str(caught.value)


def test_an_empty_log_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("", encoding="utf-8")
    with pytest.raises(DataError, match="holds no session"):
        people_teach(path, [])


def test_an_option_named_like_a_button_is_struck_off_when_it_is_clicked_with_its_name() -> None:
    item = ("description", "view: description", "8", "buy now")
    session = PersonSession(
        shop="s",
        split="train",
        objective="webshop/synthetic/0",
        instruction="Find me a lamp with size: 8, and view: description, and price lower than 30.00 dollars",
        steps=tuple(
            Step(page="", offered=item, action=f"click[{target}]")
            for target in ("view: description", "description", "8", "buy now")
        ),
        bought=None,
        reward=0.0,
    )
    follower = Follower([session])
    follower.enlist("s", 0)
    pages = [follower("s", "").partition("</think>")[0] for _ in session.steps]
    assert pages == [f"<think> {left} below 30" for left in ("8; description", "8", "8", "")]
