"""A session: its folder, its queue of tasks, and the work on them until none is left."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

from mem1.errors import ConfigError
from mem1.inference.base import Engine
from mem1.run.config import RunConfig
from mem1.run.disk.records import Status, TaskRecord
from mem1.run.disk.store import SessionStore
from mem1.run.own_tools import NAMES
from mem1.run.task import Session, TaskRun, Tell
from mem1.storage.guards.lock import locked
from mem1.tools.build import build_toolbox

_LOOK = 1.0  # seconds between two looks for a new task


async def work(
    folder: Path, config: RunConfig, tell: Tell, *, engine: Engine | None = None, stay: bool = False
) -> None:
    """Work on the open tasks of the session in ``folder`` until none is left; with ``stay`` wait for further ones.

    ``engine``: another than the configuration's. Raises ``StorageError`` where another process works there,
    ``ConfigError``, and ``BackendError`` where the engine stays away: whatever was done is kept.
    """
    with locked(folder), SessionStore(folder) as store:
        async with AsyncExitStack() as stack:
            toolbox = build_toolbox(config.tools, indexes=folder, taken=NAMES)
            await stack.enter_async_context(toolbox)
            writer = engine if engine is not None else config.engine.build(config.model)
            stack.push_async_callback(writer.close)
            await _work(Session(store, config, writer, toolbox, tell), stay=stay)


async def _work(session: Session, *, stay: bool) -> None:
    running: dict[int, asyncio.Task[TaskRecord]] = {}
    try:
        while True:
            waiting = [task for task in session.store.open_tasks() if task.number not in running]
            for task in waiting[: session.config.at_once - len(running)]:
                running[task.number] = asyncio.create_task(TaskRun(session, task).run())
            if not running:
                if not stay:
                    return
                await asyncio.sleep(_LOOK)
                continue
            done, _ = await asyncio.wait(running.values(), timeout=_LOOK, return_when=asyncio.FIRST_COMPLETED)
            for one in done:
                del running[one.result().number]
    finally:
        for one in running.values():
            one.cancel()
        await asyncio.gather(*running.values(), return_exceptions=True)


def reopened(task: TaskRecord) -> bool:
    """Whether a budget or a failure ended the task, so that it may go on."""
    return task.status in (Status.ENDED, Status.FAILED)


def reopen(store: SessionStore) -> None:
    """Let tasks that a budget or a failure ended go on, as after a limit was raised."""
    for task in store.tasks():
        if reopened(task):
            store.save_task(task.model_copy(update={"status": Status.RUNNING, "stop": None, "error": None}))


def check_tasks(texts: list[str]) -> None:
    """Raise ``ConfigError`` for a task without a word in it."""
    for text in texts:
        if not text.strip():
            raise ConfigError("a task is empty", where="mem1 run", hint='say what is to be done: mem1 run "..."')
