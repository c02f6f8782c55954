"""The whole turn as an action."""

from __future__ import annotations

import asyncio

import pytest

from mem1.actions import ActionSpace, make_format
from mem1.actions.tools import SEARCH
from mem1.errors import ConfigError
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.rollout.agent import Agent
from mem1.types import Answer, tool_call

SPACE = ActionSpace((), form="turn")


def test_any_text_is_an_answer_as_it_is() -> None:
    form = make_format(SPACE)
    assert form.parse("<think>a</think> <answer> b") == Answer(text="<think>a</think> <answer> b")
    assert form.parse("") == Answer(text="")
    assert (form.whole, form.stops, form.openings) == (True, ("</answer>",), ("<answer>",))
    assert make_format(SPACE, {"answer": "action"}).stops == ("</action>",)


def test_the_agent_gives_the_state_too() -> None:
    engine = ScriptedEngine(lambda session, context: "<think> a b</think><answer> c</answer>")
    agent = Agent(engine, StateMemoryConfig().build()(engine.tokenizer, SPACE), session="s")
    agent.start("Do it.")
    turn = asyncio.run(agent.act())
    assert turn.action == Answer(text="<think> a b</think><answer> c</answer>")
    assert (turn.state, turn.action_text) == ("<think> a b</think>", "<answer> c</answer>")


def test_tools_are_refused() -> None:
    with pytest.raises(ConfigError, match="the tool 'search' cannot be called"):
        make_format(ActionSpace((SEARCH,), form="turn"))


def test_a_call_has_no_written_form() -> None:
    with pytest.raises(ValueError, match="has no tag"):
        make_format(SPACE).write(tool_call("search", query="x"))
