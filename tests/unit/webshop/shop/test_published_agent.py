"""The published agent's way of writing: thought, summary, answer; only the summary is carried."""

from __future__ import annotations

import asyncio

from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import WordTokenizer
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.tags import Tags
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.tasks.compose import make_task
from mem1.types import Composition, Malformed, tool_call
from mem1.webshop.shop.env import ShopEnvironment
from tests.unit.webshop.shop.shops import goal, shop
from tests.unit.webshop.shop.tasks import objective

WRITTEN = iter(
    [
        "<think> a lamp </think><summary> lamp red </summary><answer>search[lamp]</answer>",
        "<think> the first </think><summary> lamp red first </summary><answer>click[W00]</answer>",
        "<think> oops </think><summary> lamp red again </summary><answer>W00</answer>",
        "<think> red </think><summary> choose red </summary><answer>click[red]</answer>",
        "<think> size </think><summary> choose size </summary><answer>click[8.5]</answer>",
        "<think> buy </think><summary> buy </summary><answer>click[buy now]</answer>",
    ]
)


def test_a_whole_episode() -> None:
    contexts: list[str] = []

    def write(session: str, context: str) -> str:
        contexts.append(context)
        return next(WRITTEN)

    memory = StateMemoryConfig(tags=Tags(state="summary"), scratch="think", carry=("state", "observation")).build()
    engine = ScriptedEngine(write, WordTokenizer(Tags(state="summary").control_strings))
    task = make_task([objective("0", goal())], Composition.SEQUENTIAL, "test")
    parts = RolloutContext(
        engine=engine,
        make_env=lambda one: ShopEnvironment(one, shop(), form="brackets"),
        make_memory=memory,
        temperature=0.0,
        reward=lambda score: score.total("score"),
        form="brackets",
    )
    (episode,) = asyncio.run(run_requests(group_requests([task], 1, seed=0, label="t"), parts, concurrency=1))
    assert [turn.action for turn in episode.turns] == [
        tool_call("search", query="lamp"),
        tool_call("click", target="W00"),
        Malformed(reason="no action was found; write search[...] or click[...]"),
        tool_call("click", target="red"),
        tool_call("click", target="8.5"),
        tool_call("click", target="buy now"),
    ]
    assert episode.reward == 1.0
    assert episode.stop == "answered"
    prompt = "".join(contexts[0].partition("<information>WebShop")[0])
    assert contexts[1].startswith(f"{prompt}<summary> lamp red </summary><information>Instruction:")
    assert "<think> a lamp" not in contexts[1]
    assert "search[lamp]" not in contexts[1]
