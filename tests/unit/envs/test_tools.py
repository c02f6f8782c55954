"""Question answering with the tools of a folder and of an MCP server."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("mcp")

from mem1.envs.tools import ToolsEnvConfig
from mem1.event_loop import command_loop
from mem1.rewards.standard import StandardScorer
from mem1.types import Action, Answer, Composition, Objective, Observation, Task, tool_call

SERVER = Path(__file__).parents[1] / "tools" / "mcp" / "mcp_server.py"
TASK = Task(
    id="t",
    composition=Composition.PARALLEL,
    reveal="upfront",
    split="test",
    objectives=(Objective(id="q", question="Where is the key?", answers=("under the stone",), source="test"),),
)


def test_tools_of_a_folder_and_of_a_server_are_used_and_the_answer_is_scored(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("the key is under the stone\n")
    server = {"command": (sys.executable, str(SERVER)), "connect_seconds": 60.0, "pass_env": ("PYTHONPATH",)}
    config = ToolsEnvConfig.model_validate({"tools": {"files": (tmp_path,), "mcp": (server,)}, "max_turns": 9})
    actions: list[Action] = [
        tool_call("search_files", query="key"),
        tool_call("echo", text="<b>"),
        tool_call("broken"),
        tool_call("unknown"),
        Answer(text="Under the stone."),
    ]
    with command_loop():
        env = config.build(StandardScorer())(TASK)
        assert {"search_files", "open_file", "echo", "die"} <= {tool.name for tool in env.tools}
        prompt, _ = env.reset()
        assert "a call of a tool" in prompt

        async def steps() -> list[Observation]:
            return [await env.step(action) for action in actions]

        found, echoed, broken, unknown, over = asyncio.run(steps())
    assert found == Observation(head="Turns left: 8.", passages=("a.txt:1: the key is under the stone",))
    assert echoed.passages == ("<b>",)  # broken where it enters a context, as everything is
    assert broken.head == "Turns left: 6. broken failed:"
    assert unknown.head == "Turns left: 5. unknown is not possible here"
    assert over.done
    assert env.score().total("em") == 1.0


def test_the_web_among_the_tools_is_closed_with_the_command_at_once(tmp_path: Path) -> None:
    """It is left on the loop of the connections, which must not wait for itself."""
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "contents": "\\"Key\\"\\nthe key is under the stone"}\n')
    web = {"search": {"type": "corpus", "corpus": tmp_path / "corpus.jsonl"}, "cache": {"mode": "off"}}
    config = ToolsEnvConfig.model_validate({"tools": {"web": web}})
    began = time.monotonic()
    with command_loop():
        env = config.build(StandardScorer())(TASK)
        assert "search" in {tool.name for tool in env.tools}
    assert time.monotonic() - began < 15, "it took 20 seconds, and ended with a TimeoutError"
