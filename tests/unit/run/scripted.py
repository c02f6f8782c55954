"""A scripted policy as an engine that settings can name, tools that change something, and sessions made of both."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from mem1.inference.base import Engine
from mem1.inference.config import EngineConfig
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.utf8 import Utf8Tokenizer
from mem1.run.config import RunConfig
from mem1.run.disk.records import Event, TaskRecord
from mem1.run.disk.store import SessionStore
from mem1.run.own_tools import NAMES
from mem1.run.task import Session, TaskRun
from mem1.tools.base import Tool, ToolResult
from mem1.tools.toolbox import Toolbox
from mem1.types import ToolSpec, text_tool


class ScriptedConfig(EngineConfig):
    """Writes the lines of the file ``script``, one a turn; the page holds the number of the next one."""

    type: Literal["scripted"] = "scripted"
    script: Path

    def build(self, model: str) -> Engine:
        lines = self.script.read_text().splitlines()
        return by_number(lambda n, context: lines[n])


def by_number(action: Callable[[int, str], str], *, max_context: int = 100_000) -> ScriptedEngine:
    """A policy that writes ``action(n, context)`` in turn ``n`` (from 0), which it knows from its page only."""

    def write(session: str, context: str) -> str:
        pages = re.findall(r"<think> step (\d+) </think>", context)
        n = int(pages[-1]) if pages else 0
        return f"<think> step {n + 1} </think>{action(n, context)}"

    return ScriptedEngine(write, Utf8Tokenizer(), max_context)


class Noting:
    """A tool ``note`` that appends to a file, and so changes something; it fails and dawdles as it is told."""

    spec: ToolSpec = text_tool("note", "text", "write a line down")
    changes = True

    def __init__(self, path: Path, fails: Callable[[str], bool] = lambda text: False, seconds: float = 0.0) -> None:
        self.path, self._fails, self._seconds = path, fails, seconds

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        text = arguments["text"]
        if self._fails(text):
            return ToolResult("the paper is wet", failed=True)
        with self.path.open("a") as file:
            file.write(f"{text}\n")
        await asyncio.sleep(self._seconds)
        return ToolResult(f"noted {text}", source="notes")


class Giving:
    """A tool ``give`` that returns what it is told to."""

    spec: ToolSpec = text_tool("give", "what", "give something")
    changes = False

    def __init__(self, give: Callable[[str], str]) -> None:
        self._give = give

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        return ToolResult(self._give(arguments["what"]), source=f"give {arguments['what']}")


def these(*tools: Tool) -> AbstractAsyncContextManager[Sequence[Tool]]:
    """``tools`` as a source of them."""

    @asynccontextmanager
    async def source() -> AsyncIterator[Sequence[Tool]]:
        yield tools

    return source()


def settings(tmp_path: Path, **changes: Any) -> RunConfig:
    """Settings whose engine is replaced by the one that a test brings."""
    script = tmp_path / "unused"
    return RunConfig.model_validate({"engine": ScriptedConfig(script=script), **changes})


async def do(
    folder: Path, engine: Engine, tools: Sequence[Tool] = (), *, task: str = "the task", **changes: Any
) -> tuple[TaskRecord, list[Event]]:
    """Run one task (the first of the session, made if need be) to its end; what came of it, and what was told."""
    events: list[Event] = []
    with SessionStore(folder) as store:
        if not store.tasks():
            store.add_task(task)
        async with Toolbox([("own", these(*tools))], taken=NAMES, seconds=changes.pop("seconds", 5.0)) as toolbox:
            config = settings(folder, **changes)
            session = Session(store, config, engine, toolbox, events.append)
            return await TaskRun(session, store.tasks()[0]).run(), events
