"""Question answering with the tools of a folder and of an MCP server."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("mcp")

from mem1.config import build
from mem1.envs.tools import ToolsEnvConfig, ToolsWorld
from mem1.errors import ConfigError
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


def test_searches_of_the_web_are_counted_as_in_the_web_itself(tmp_path: Path) -> None:
    (tmp_path / "corpus.jsonl").write_text('{"id": "1", "contents": "\\"Key\\"\\nthe key is under the stone"}\n')
    web = {"search": {"type": "corpus", "corpus": tmp_path / "corpus.jsonl"}, "cache": {"mode": "off"}}
    config = ToolsEnvConfig.model_validate({"tools": {"web": web, "files": (tmp_path,)}})
    with command_loop():
        world = config.build(StandardScorer())
        assert isinstance(world, ToolsWorld)
        assert world.counts == {}
        env = world(TASK)
        env.reset()

        async def steps() -> None:
            for call in (tool_call("search", query="key"), tool_call("open", url="corpus:2")):
                await env.step(call)

        asyncio.run(steps())
    assert world.counts == {"searches": 1, "pages": 1, "pages failed: missing": 1}


@pytest.mark.parametrize(("key", "value"), [("top_k", 9), ("passage", "{text}"), ("format", "search_r1")])
def test_what_only_searches_of_the_environment_show_is_refused(tmp_path: Path, key: str, value: object) -> None:
    with pytest.raises(ConfigError, match=key):
        build(ToolsEnvConfig, {"tools": {"files": [str(tmp_path)]}, key: value}, where="env")


def test_a_key_that_is_missing_is_named_where_it_stands_in_the_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERPER_API_KEY", raising=False)
    config = ToolsEnvConfig.model_validate({"tools": {"web": {"search": {"type": "serper"}}}})
    with pytest.raises(ConfigError, match=r"env\.tools\.web\.search\.key_env"):
        config.build(StandardScorer())
    config = ToolsEnvConfig.model_validate({"tools": {"only": ("fly",)}})
    with pytest.raises(ConfigError, match=r"env\.tools\.only"):
        config.build(StandardScorer())
