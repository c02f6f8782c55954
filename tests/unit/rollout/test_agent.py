"""An agent takes turns without any environment, and writes its actions in any form."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from dataclasses import replace

import pytest

from mem1.actions import ActionForm, ActionSpace
from mem1.actions.tools import SEARCH, SEARCH_AND_ANSWER
from mem1.errors import BackendError, SpendingLimitError
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.state_recall import RecallMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.metering import Meter, metering
from mem1.rollout.agent import Agent, NoRoomError, PartError
from mem1.rollout.episode import run_episode
from mem1.types import Answer, Malformed, Observation, StopReason, ToolSpec, text_tool, tool_call
from tests.unit.rollout.worlds import World, parts, request

WIDE = Budgets(state=60, action=120, observation=60)
MOVE = ToolSpec(
    name="move",
    description="put a stone",
    parameters={"properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}, "required": ["x", "y"]},
)


def agent(*texts: str, space: ActionSpace = SEARCH_AND_ANSWER, **more: int) -> Agent:
    rest = iter(texts)
    engine = ScriptedEngine(lambda *_: next(rest), CharTokenizer(), **more)
    return Agent(engine, StateMemoryConfig(budgets=WIDE).build()(engine.tokenizer, space), session="s")


def context(one: Agent) -> str:
    return one.engine.tokenizer.decode(one.memory.context())


def test_an_agent_acts_and_observes_by_itself() -> None:
    one = agent("<think>a</think><search>Peru</search>", "<think>b</think><answer>Lima</answer>")
    one.start("P.", Observation(head="Capital?"))
    first = asyncio.run(one.act())
    assert (first.action, first.observation, one.turns) == (tool_call("search", query="Peru"), None, (first,))
    whole = one.observe(Observation(head="Lima it is"))
    assert whole.observation == "<information>Lima it is</information>"
    assert one.turns == (whole,)
    assert context(one) == "P.<think>a</think><search>Peru</search><information>Lima it is</information>"
    second = asyncio.run(one.act(objective=3))
    assert (second.action, second.index, second.objective) == (Answer(text="Lima"), 1, 3)


def test_calls_of_a_model_are_limited_and_those_of_a_script_are_not() -> None:
    for is_model in (False, True):
        one = agent("<think>a</think><search>Peru</search>", "<think>b</think><answer>Lima</answer>")
        one.engine.is_model = is_model  # type: ignore[attr-defined]
        one.start("P.", Observation(head="Capital?"))
        with metering(Meter(max_calls=1)) as counts:
            asyncio.run(one.act())
            one.observe(Observation(head="Lima"))
            with pytest.raises(SpendingLimitError) if is_model else nullcontext():
                asyncio.run(one.act())
        assert counts.calls == int(is_model)


def test_what_the_memory_answers_never_leaves_the_agent() -> None:
    texts = iter(["<think>a</think><recall>Peru</recall>", "<think>b</think><answer>Lima</answer>"])
    engine = ScriptedEngine(lambda *_: next(texts), CharTokenizer())
    memory = RecallMemoryConfig(budgets=WIDE).build()(engine.tokenizer, SEARCH_AND_ANSWER)
    one = Agent(engine, memory, session="s")
    one.start("P")
    turn = asyncio.run(one.act())
    assert turn.action == Answer(text="Lima")
    assert [(done.by_memory, done.observation is not None) for done in one.turns] == [(True, True), (False, False)]
    assert memory.tools[0].name == "recall"


def test_no_room_and_a_broken_engine_are_told_apart() -> None:
    full = agent("x", max_context=20)
    full.start("P" * 19)
    with pytest.raises(NoRoomError):
        asyncio.run(full.act())
    closed = agent("x")
    closed.start("P")
    asyncio.run(closed.engine.close())
    with pytest.raises(PartError) as caught:
        asyncio.run(closed.act())
    assert isinstance(caught.value.__cause__, BackendError)


@pytest.mark.parametrize("form", ["tags", "json"])
def test_a_strangers_tool_is_used_in_the_one_loop(form: ActionForm) -> None:
    lookup = text_tool("lookup", "key", "find an entry")
    call = {
        "tags": "<lookup>Peru</lookup>",
        "json": '<tool_call>{"name": "lookup", "arguments": {"key": "Peru"}}</tool_call>',
    }
    texts = iter(
        [f"<think>a</think>{call[form]}", "<think>b</think><search>x</search>", "<think>c</think><answer>Lima</answer>"]
    )
    engine = ScriptedEngine(lambda *_: next(texts), CharTokenizer())
    world = World(request().task, tools=(lookup,))
    some = parts(engine, lambda _: world, StateMemoryConfig(budgets=WIDE).build())
    episode = asyncio.run(run_episode(request(), replace(some, form=form)))
    assert world.actions[0] == tool_call("lookup", key="Peru")
    assert isinstance(world.actions[1], Malformed), "there is no search here"
    assert world.actions[1].reason.endswith(
        {"tags": "write lookup or answer", "json": "write tool_call or answer"}[form]
    )
    assert (world.actions[2], episode.stop) == (Answer(text="Lima"), StopReason.ANSWERED)


def test_tools_are_described_behind_the_prompt_where_they_are_called_by_json() -> None:
    space = ActionSpace((SEARCH, MOVE), form="json")
    one = agent('<think>a</think><tool_call>{"name": "move", "arguments": {"x": 1, "y": 2}}</tool_call>', space=space)
    one.start("Play.\n")
    text = context(one)
    assert text.startswith("Play.\nTools:\n")
    assert '"name": "move", "description": "put a stone"' in text
    assert one.memory.prefix_length == len(one.memory.context())
    assert asyncio.run(one.act()).action == tool_call("move", x=1, y=2)
    assert context(agent("x")) == ""


def test_a_tool_may_not_have_the_tag_of_another_block() -> None:
    for name in ("think", "information"):
        with pytest.raises(Exception, match=f"an action is written with the tag '{name}'"):
            agent("x", space=ActionSpace((text_tool(name, "x"),)))
