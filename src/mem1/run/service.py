"""The agent as tools for others: a task is queued in a session that is at work, and asked for until it is over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from mem1.errors import Mem1Error
from mem1.run.config import RunConfig
from mem1.run.disk.records import Status, TaskRecord
from mem1.run.disk.store import SessionStore
from mem1.run.session import work
from mem1.run.task import Tell
from mem1.storage.guards.lock import check_unlocked
from mem1.tools.base import Tool, ToolResult
from mem1.types import ToolSpec

LONGEST_WAIT = 600.0  # seconds that one call may wait
_WAIT = 45.0  # seconds by default: clients give a call up after a minute
_LOOK = 0.2  # seconds
_SECONDS = {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT, "description": f"seconds to wait ({_WAIT:g})"}

DO_TASK = ToolSpec(
    name="do_task",
    description="Give a task to an agent that works on it by itself, for many turns if need be, and answers with its "
    "sources. If it is not done within the seconds to wait, its number is returned: ask task_result for it.",
    parameters={
        "type": "object",
        "properties": {"task": {"type": "string", "minLength": 1}, "wait": _SECONDS},
        "required": ["task"],
        "additionalProperties": False,
    },
)
TASK_RESULT = ToolSpec(
    name="task_result",
    description="What came of a task that do_task was given, by its number; waits for it.",
    parameters={
        "type": "object",
        "properties": {"number": {"type": "integer", "minimum": 1}, "wait": _SECONDS},
        "required": ["number"],
        "additionalProperties": False,
    },
)

Prepare = Callable[[], Awaitable[RunConfig]]


class AgentService:
    """A ``ToolSource`` over the session in ``folder``, which works while it is entered: ``do_task``, ``task_result``.

    Tasks outlive the call that gave them, and the process: what is open is gone on with when the session is served
    again.

    Args:
        folder: The session's.
        prepare: Gives its settings, with the model and window that its server names.
        tell: Is told of every turn.
    """

    def __init__(self, folder: Path, prepare: Prepare, tell: Tell) -> None:
        self._folder, self._prepare, self._tell = folder, prepare, tell
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Sequence[Tool]:
        check_unlocked(self._folder)
        self._config = await self._prepare()
        self._store = SessionStore(self._folder)
        self._at_work()
        return (_DoTask(self), _TaskResult(self))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        self._store.close()

    def add(self, text: str) -> int:
        """Queue a task; its number."""
        return self._store.add_task(text).number

    async def result(self, number: int, wait: float) -> ToolResult:
        """What came of task ``number``, within ``wait`` seconds."""
        with suppress(TimeoutError):
            async with asyncio.timeout(wait):
                while (task := self._store.task(number)) is not None and not task.status.over:
                    failure = self._at_work()
                    if failure is not None:
                        return ToolResult(f"task {number} waits: {failure.what}", failed=True)
                    await asyncio.sleep(_LOOK)
        task = self._store.task(number)
        return ToolResult(f"there is no task {number}", failed=True) if task is None else _told(task)

    def _at_work(self) -> Mem1Error | None:
        """See that the session is at work; what ended it since, if anything did (then it begins again)."""
        failure = None
        if self._work is not None and self._work.done() and not self._work.cancelled():
            error = self._work.exception()
            if error is not None and not isinstance(error, Mem1Error):
                raise error
            failure = error
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(work(self._folder, self._config, self._tell, stay=True))
        return failure


class _DoTask:
    """``do_task``."""

    spec: ToolSpec = DO_TASK
    changes = True

    def __init__(self, service: AgentService) -> None:
        self._service = service

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        number = self._service.add(str(arguments["task"]))
        return await self._service.result(number, float(arguments.get("wait", _WAIT)))


class _TaskResult:
    """``task_result``."""

    spec: ToolSpec = TASK_RESULT
    changes = False

    def __init__(self, service: AgentService) -> None:
        self._service = service

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        return await self._service.result(int(arguments["number"]), float(arguments.get("wait", _WAIT)))


def _told(task: TaskRecord) -> ToolResult:
    """How far a task is, in words; its answer with the sources that it names."""
    what = f"task {task.number}, {task.spent.turns} turns"
    if not task.status.over:
        return ToolResult(f"({what}: not done yet; task_result waits for it)")
    if task.status is not Status.ANSWERED:
        return ToolResult(f"no answer ({what}): {task.stop or task.error}", failed=True)
    named = [f"[{one.address}] {one.source}" for one in task.sources]
    unknown = f"addresses that there are not: {json.dumps(task.unknown_sources)}" if task.unknown_sources else ""
    return ToolResult("\n".join(filter(None, (task.answer, *named, unknown, f"({what})"))))
