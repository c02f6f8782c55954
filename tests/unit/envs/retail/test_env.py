"""Requests in a small shop of two orders: what is shown, what is hidden, and what counts."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mem1.envs.base import Environment
from mem1.envs.retail.config import RetailEnvConfig
from mem1.errors import BackendError, ConfigError, DataError
from mem1.event_loop import command_loop
from mem1.tasks.retail import Retail
from mem1.tools.base import ToolFailedError
from mem1.types import Action, Answer, Composition, Malformed, Observation, Task, tool_call

COMMAND = (sys.executable, str(Path(__file__).with_name("double.py")))
CANCEL = [{"name": "get_order", "arguments": {"order": "#1"}}, {"name": "cancel", "arguments": {"order": "#1"}}]


@pytest.fixture
def source(tmp_path: Path) -> Retail:
    def row(name: str, actions: list[dict[str, Any]], **told: str) -> dict[str, Any]:
        return {
            "id": name,
            "user_scenario": {"instructions": {"domain": "retail", **told}},
            "evaluation_criteria": {"actions": actions},
        }

    rows = [
        row("0", CANCEL, reason_for_call="Cancel #1", known_info="I am Ann", task_instructions="Be quick."),
        row("1", [{"name": "get_order", "arguments": {"order": "#2"}}], reason_for_call="Is #2 on its way?"),
    ]
    (tmp_path / "tasks.json").write_text(json.dumps(rows))
    (tmp_path / "split_tasks.json").write_text(json.dumps({"train": [], "test": ["0", "1"]}))
    (tmp_path / "policy.md").write_text("Cancel only <b>pending</b> orders.\n")
    return Retail(tmp_path)


@pytest.fixture
def make(source: Retail) -> Iterator[Any]:
    with command_loop():
        of = RetailEnvConfig(command=COMMAND, turns_per_request=4).build(source)
        yield lambda *numbers, reveal="one_by_one": of(task(source, *numbers, reveal=reveal))


def task(source: Retail, *numbers: int, reveal: Any = "one_by_one") -> Task:
    found = source.objectives("test")
    objectives = tuple(found[number] for number in numbers)
    return Task(id="t", composition=Composition.SEQUENTIAL, reveal=reveal, split="test", objectives=objectives)


def play(env: Environment, *actions: Action) -> list[Observation]:
    _, first = env.reset()
    assert first is not None

    async def steps() -> list[Observation]:
        return [first, *[await env.step(action) for action in actions]]

    return asyncio.run(steps())


def test_a_request_is_told_with_the_rules_and_scored_by_what_was_done(make: Any) -> None:
    env = make(0)
    prompt, _ = env.reset()
    assert "Cancel only \N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}b>" in prompt or "<b>" not in prompt
    first, looked, cancelled, over = play(
        env, tool_call("get_order", order="#1"), tool_call("cancel", order="#1"), Answer(text="It is cancelled.")
    )
    assert first.head == (
        "Turns left: 4. A customer writes:\nWhy I write: Cancel #1\nWhat I know: I am Ann\nHow I want it: Be quick."
    )
    assert (looked.head, looked.passages) == ("Turns left: 3.", ("pending",))  # nothing of what is wrapped around it
    assert cancelled.passages == ("cancelled",)
    assert over.done
    score = env.score()
    assert (score.metrics, score.answered) == ({"db": (1.0,), "floor": (0.0,)}, (True,))


def test_doing_nothing_scores_where_nothing_was_to_be_done(make: Any) -> None:
    env = make(0, 1)
    _, second, over = play(env, Answer(text="no"), Answer(text="yes, it is"))
    assert second.head == "Turns left: 4. A customer writes:\nWhy I write: Is #2 on its way?"
    assert over.done
    assert env.score().metrics == {"db": (0.0, 1.0), "floor": (0.0, 1.0)}
    assert env.answers == ("no", "yes, it is")


def test_a_deed_that_was_not_asked_for_costs_the_request_and_not_the_next(make: Any) -> None:
    env = make(1, 0)
    play(
        env,
        *(tool_call("cancel", order="#2"), Answer(text="cancelled, sorry")),
        *(tool_call("cancel", order="#1"), Answer(text="done")),
    )
    assert env.score().metrics == {"db": (0.0, 1.0), "floor": (1.0, 0.0)}


def test_turns_that_are_used_up_end_a_request_as_it_stands(make: Any) -> None:
    env = make(0)
    shown = play(env, tool_call("cancel", order="#1"), *[Malformed(reason="no tag")] * 3)
    assert shown[3].head == "Turns left: 1, the answer is due. No action was taken: no tag"
    assert (shown[4].done, shown[4].spent) == (True, True)
    assert env.score().metrics["db"] == (1.0,)
    assert env.score().answered == (False,)


def test_what_resets_or_tells_of_the_evaluation_is_hidden(make: Any) -> None:
    tools = {tool.name: tool for tool in make(0).tools}
    assert sorted(tools) == ["cancel", "die", "get_order"]
    assert "state_key" not in tools["cancel"].parameters["properties"]


def test_episodes_at_the_same_time_have_databases_of_their_own(make: Any) -> None:
    one, other = make(0), make(0)

    async def both() -> None:
        for env in (one, other):
            env.reset()
        await asyncio.gather(one.step(tool_call("cancel", order="#1")), other.step(tool_call("get_order", order="#1")))
        await asyncio.gather(one.step(Answer(text="a")), other.step(Answer(text="b")))

    asyncio.run(both())
    assert (one.score().metrics["db"], other.score().metrics["db"]) == ((1.0,), (0.0,))


def test_a_server_that_is_started_again_between_requests_loses_nothing(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mem1.envs.retail.shop._RESETS", 1)
    one, other = make(0), make(0)
    play(one, tool_call("cancel", order="#1"))
    play(other, tool_call("get_order", order="#1"))
    asyncio.run(one.step(Answer(text="done")))
    assert one.score().metrics["db"] == (1.0,)


def test_a_server_that_dies_makes_a_failed_episode(make: Any) -> None:
    with pytest.raises(BackendError, match="the shop did not answer die"):
        play(make(0), tool_call("die"))


def test_customers_all_at_once_are_refused(make: Any) -> None:
    with pytest.raises(ConfigError, match="one after the other"):
        make(0, 1, reveal="upfront")


def test_a_server_that_does_not_start_and_files_that_are_not_there_are_told(source: Retail, tmp_path: Path) -> None:
    with pytest.raises(ToolFailedError):
        RetailEnvConfig(command=("no-such-program-anywhere",)).build(source)
    with pytest.raises(DataError, match=r"cannot read tasks\.json"):
        _ = Retail(tmp_path / "missing")._tasks
    (tmp_path / "tasks.json").write_text("[1]")
    with pytest.raises(DataError, match="no tasks of tau2"):
        _ = Retail(tmp_path)._tasks


def test_the_server_ends_with_the_command(source: Retail) -> None:
    with command_loop():
        env = RetailEnvConfig(command=COMMAND).build(source)(task(source, 0))
        folder = env._shop._folder  # type: ignore[attr-defined]
        play(env, tool_call("cancel", order="#1"))
        assert list(folder.iterdir())
    assert not folder.exists()
