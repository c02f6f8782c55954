"""The log of people's sessions: what it keeps, what it refuses, what it amounts to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from mem1.errors import DataError, StorageError
from mem1.types import Objective
from mem1.webshop.people.log import PersonSession, SessionLog, human_score, read_sessions
from mem1.webshop.site.app import COOKIE, make_app
from mem1.webshop.site.config import SiteConfig
from mem1.webshop.site.pages import Site
from mem1.webshop.site.sessions import Sessions
from tests.unit.webshop.shop.shops import goal, shop
from tests.unit.webshop.shop.tasks import objective
from tests.unit.webshop.site.test_app import version

GOOD: dict[str, object] = {
    "shop": "s",
    "split": "test",
    "objective": "0",
    "instruction": "i",
    "steps": [],
    "bought": None,
    "reward": 0.0,
}
GOALS = [goal(), goal(asin="W01", instruction="Find me another lamp")]


def errands() -> list[Objective]:
    return [objective(f"shop/{number}", one) for number, one in enumerate(GOALS)]


def opened(path: Path) -> tuple[Sessions, SessionLog, TestClient]:
    log, config = SessionLog(path, "test", errands()), SiteConfig()
    sessions = Sessions(shop(), GOALS, config, lambda: 0.0, log.keep)
    client = TestClient(make_app(Site(sessions, "test", 10), config), base_url="http://localhost")
    return sessions, log, client


def test_a_purchase_is_kept_once_with_every_page_and_step(tmp_path: Path) -> None:
    sessions, log, client = opened(tmp_path / "log.jsonl")
    page = client.post("/start").text
    client.post("/search", data={"version": version(page), "words": "lamp"})
    customer = sessions.find(client.cookies[COOKIE])
    assert customer is not None
    for thing in ("w00", "red", "8.5", "buy now"):
        place = customer.visit.clickables.index(thing)
        client.post("/click", data={"version": customer.version, "thing": place})
    client.get("/")
    sessions.close()
    log.close()
    (one,) = read_sessions(tmp_path / "log.jsonl")
    assert (one.split, one.objective, one.instruction) == ("test", "shop/0", "Find me a lamp")
    assert [step.action for step in one.steps] == [
        "search[lamp]", "click[w00]", "click[red]", "click[8.5]", "click[buy now]",
    ]  # fmt: skip
    assert one.steps[0].page == "WebShop [SEP] Instruction: [SEP] Find me a lamp [SEP] Search"
    assert "buy now" in one.steps[-1].offered
    assert (one.bought, one.reward) == ("W00 (color: red, size: 8.5)", 1.0)
    assert (one.parts["r_option"], one.shop) == (1.0, "shelf; strict")
    assert "cookie" not in json.dumps(one.model_dump(mode="json"))


def test_an_errand_that_was_left_is_kept_as_nothing_bought(tmp_path: Path) -> None:
    sessions, log, client = opened(tmp_path / "log.jsonl")
    page = client.post("/start").text
    client.post("/search", data={"version": version(page), "words": "lamp"})
    client.post("/goal", data={"goal": "2"})  # one step was taken: kept
    client.post("/goal", data={"goal": "1"})  # none was: nothing to keep
    page = client.get("/").text
    client.post("/search", data={"version": version(page), "words": "lamp"})
    sessions.close()  # the shop closes on somebody
    log.close()
    kept = list(read_sessions(tmp_path / "log.jsonl"))
    assert [(one.objective, one.bought, one.reward, len(one.steps)) for one in kept] == [("shop/0", None, 0.0, 1)] * 2


def test_a_second_shop_does_not_write_the_same_log(tmp_path: Path) -> None:
    log = SessionLog(tmp_path / "log.jsonl", "test", errands())
    with pytest.raises(StorageError, match="somebody else is writing"):
        SessionLog(tmp_path / "log.jsonl", "test", errands())
    log.close()


def test_the_human_score() -> None:
    rewards = [(1.0, "W00"), (0.5, "W01"), (0.0, None), (1.0, "W02")]
    found = [PersonSession.model_validate(GOOD | {"reward": reward, "bought": what}) for reward, what in rewards]
    assert human_score(found) == {"sessions": 4, "score": 62.5, "success": 0.5, "bought": 0.75, "steps": 0.0}
    assert human_score([]) == {"sessions": 0.0}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2"),
        ("[]", "line 2"),
        ('{"shop": "s"}', "line 2"),
        (json.dumps(GOOD | {"shop": 7}), "shop"),
        (json.dumps(GOOD | {"reward": "much"}), "reward"),
        (json.dumps(GOOD | {"steps": [{"page": "p"}]}), "steps.0"),
    ],
)
def test_a_damaged_log_is_refused_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        list(read_sessions(path))
    assert said in str(caught.value)
    assert "line 2" in str(caught.value)
