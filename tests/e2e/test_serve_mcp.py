"""``mem1 serve mcp`` as a process, asked by the SDK's own client over both transports, and by strangers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("mcp")

import mcp
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from mem1.cli.main import main
from mem1.inference.tokenizers.toy import CharTokenizer
from tests.e2e.serving import begun, write_corpus
from tests.unit.inference.endpoint_server import Model, Server, script

COMMAND = (sys.executable, "-m", "mem1.cli.main", "serve", "mcp")
TOKEN = "a-token-that-nobody-guesses"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
ACCEPT = {"accept": "application/json, text/event-stream"}


@contextmanager
def over_http(*words: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server on a free port, and its process."""
    command = [*COMMAND, "--http", "--port", "0", "--json", *words]
    with begun(command, env={**os.environ, "MEM1_TEST_TOKEN": TOKEN}) as (said, process):
        yield json.loads(said)["mcp"], process


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("served")
    write_corpus(made / "corpus.jsonl")
    (made / "files").mkdir()
    (made / "files" / "long.txt").write_text("".join(f"line {n} of a long file\n" for n in range(100_000)))
    return made


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[str]:
    """A server of the corpus and the files that asks for a token."""
    words = ("--corpus", str(folder / "corpus.jsonl"), "--files", str(folder / "files"))
    with over_http(*words, "--token-env", "MEM1_TEST_TOKEN") as (address, _):
        yield address


async def asked(client: Any) -> tuple[str, list[str], list[Any]]:
    names = sorted(tool.name for tool in (await client.list_tools()).tools)
    found = await client.call_tool("search", {"query": "word7"})
    first = await client.call_tool("open_file", {"path": "long.txt"})
    onward = first.content[0].text.rpartition("it goes on at ")[2].rstrip(")")
    second = await client.call_tool("open_file", {"path": onward})
    return client.protocol_version, names, [one.content[0].text for one in (found, first, second)]


def check(found: tuple[str, list[str], list[str]]) -> str:
    version, names, (search, first, second) = found
    assert names == ["open_file", "search", "search_files"]
    assert "word7 comes before word8." in search
    assert len(first) <= 41_000
    last = first.splitlines()[-2]
    assert second.splitlines()[0] == f"line {int(last.split()[1]) + 1} of a long file"  # nothing between the two
    return version


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_the_official_client_uses_our_tools_over_http(guarded: str, mode: Any, version: str) -> None:
    async def use() -> tuple[str, list[str], list[Any]]:
        async with create_mcp_http_client(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
            transport = streamable_http_client(guarded, http_client=http)
            async with mcp.Client(transport, mode=mode) as client:
                return await asked(client)

    assert check(asyncio.run(use())) == version


@pytest.mark.parametrize(("mode", "version"), [("auto", "2026-07-28"), ("legacy", "2025-11-25")])
def test_the_official_client_uses_our_tools_over_standard_input(folder: Path, mode: Any, version: str) -> None:
    words = [*COMMAND[1:], "--corpus", str(folder / "corpus.jsonl"), "--files", str(folder / "files")]
    command = mcp.StdioServerParameters(command=COMMAND[0], args=words, env=dict(os.environ))

    async def use() -> tuple[str, list[str], list[Any]]:
        async with mcp.Client(mcp.stdio_client(command), mode=mode) as client:
            return await asked(client)

    assert check(asyncio.run(use())) == version


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"Authorization": "Bearer wrong"}, 401),
        ({"Authorization": f"Bearer {TOKEN}", "Host": "evil.example"}, 421),
        ({"Authorization": f"Bearer {TOKEN}", "Origin": "https://evil.example"}, 403),
        ({"Authorization": f"Bearer {TOKEN}", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_strangers_are_refused_before_anything_is_read(guarded: str, headers: dict[str, str], status: int) -> None:
    assert httpx.post(guarded, json=CALL, headers={**ACCEPT, **headers}).status_code == status


def test_a_body_beyond_the_limit_is_refused_and_health_needs_no_token(guarded: str) -> None:
    key = {"Authorization": f"Bearer {TOKEN}"}
    assert httpx.post(guarded, content=b"x" * 70_000, headers={**ACCEPT, **key}).status_code == 413
    assert httpx.get(guarded.removesuffix("/mcp") + "/health").json() == {"status": "ok"}
    assert httpx.get(guarded.removesuffix("/mcp") + "/other", headers=key).status_code == 404


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_stop_waits_for_no_client_that_only_listens(folder: Path, mode: Any) -> None:
    with over_http("--files", str(folder / "files")) as (address, process):
        seconds: list[float] = []

        async def use() -> None:
            async with mcp.Client(address, mode=mode) as client:
                await client.list_tools()
                began = time.monotonic()
                process.send_signal(signal.SIGTERM)
                await asyncio.to_thread(process.wait, 60)
                seconds.append(time.monotonic() - began)

        with suppress(Exception):  # the client says that its server is gone
            asyncio.run(use())
        assert seconds[0] < 20
        assert process.returncode == 0


def test_the_agent_does_a_task_that_another_program_gives(folder: Path, tmp_path: Path) -> None:
    def write(context: str) -> str:
        if "line 77" in context.split("Task:")[-1].split("<information>")[-1]:
            return "<think> found </think><answer> 77 [r1] </answer>"
        return "<think> look </think><search_files> 77</search_files>"

    tokenizer = CharTokenizer()
    with Server(Model(tokenizer, script(tokenizer, write))) as model:
        model.pages["/v1/models"] = {"data": [{"id": "served", "max_model_len": 6000}]}
        words = ("--files", str(folder / "files"), "--url", model.url, "--session", str(tmp_path / "session"))
        with over_http(*words) as (address, _):

            async def use() -> str:
                async with mcp.Client(address) as client:
                    found = await client.call_tool("do_task", {"task": "which line?", "wait": 120})
                    return str(found.content[0].text)  # type: ignore[union-attr]

            assert asyncio.run(use()).splitlines() == ["77 [r1]", "[r1] search_files '77'", "(task 1, 2 turns)"]


def test_the_retriever_of_a_recipe_is_a_tool_beside_a_corpus(folder: Path) -> None:
    with over_http("--retriever", "demo", "--corpus", str(folder / "corpus.jsonl")) as (address, _):

        async def use() -> tuple[list[str], str]:
            async with mcp.Client(address) as client:
                names = sorted(tool.name for tool in (await client.list_tools()).tools)
                found = await client.call_tool("retriever.search", {"query": "capital of Peru"})
                return names, str(found.content[0].text)  # type: ignore[union-attr]

        names, found = asyncio.run(use())
    assert names == ["corpus.search", "retriever.search"]
    assert "Lima" in found


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "what is to be served"),
        (["--files", "docs-that-are-not-there"], "no such folder"),
        (["--files", ".", "--max-turns", "3"], "limits.turns is the agent's"),
        (["--files", ".", "--largest", "10"], "too few"),
        (["--files", ".", "--http", "--token-env", "MEM1_NO_SUCH_TOKEN"], "MEM1_NO_SUCH_TOKEN is not set"),
    ],
)
def test_what_cannot_be_served_is_refused(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "mcp", *words, "--json"]) == 2
    assert says in json.loads(capsys.readouterr().out)["error"]["what"]


def test_a_port_that_is_taken_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["serve", "mcp", "--files", str(folder / "files"), "--http", "--port", port, "--json"]) == 6
    assert "cannot listen" in json.loads(capsys.readouterr().out)["error"]["what"]
