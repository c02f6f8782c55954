"""One event loop in a thread, on which all calls are made, whoever asks for them.

Connections belong to the loop that opened them. Commands use one loop after another, and a judge is asked from threads
that have none; so the loop of the connections is a third, which ends with the program.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

T = TypeVar("T")
_STOPPING = 5.0  # seconds
_LEAVING = 20.0

_lock = threading.Lock()
_running: tuple[int, asyncio.AbstractEventLoop] | None = None


def loop() -> asyncio.AbstractEventLoop:
    """The loop, started when first needed; in a forked process a new one."""
    global _running
    with _lock:
        if _running is None or _running[0] != os.getpid():
            found = asyncio.new_event_loop()
            threading.Thread(target=found.run_forever, name="mem1-http", daemon=True).start()
            _running = os.getpid(), found
        return _running[1]


async def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, done there; cancelled with the caller."""
    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop()))


def wait(work: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """The result of ``work``, done there, for a caller without a loop of its own. Blocks."""
    future = asyncio.run_coroutine_threadsafe(work, loop())
    try:
        return future.result(timeout)
    except BaseException:
        future.cancel()
        raise


def enter(manager: AbstractAsyncContextManager[T, Any]) -> tuple[T, Callable[[], None]]:
    """What ``manager`` gives, entered there; and what leaves it, waiting a while at most. Both block."""

    async def begin() -> T:
        return await manager.__aenter__()

    async def end() -> None:
        await manager.__aexit__(None, None, None)

    return wait(begin()), lambda: wait(end(), _LEAVING)


def _stop() -> None:
    """Cancel what is under way and stop, so that nothing is torn apart with the interpreter."""
    if _running is None or _running[0] != os.getpid():
        return
    found = _running[1]

    async def end() -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    try:
        asyncio.run_coroutine_threadsafe(end(), found).result(_STOPPING)
    except TimeoutError:
        return
    found.call_soon_threadsafe(found.stop)


atexit.register(_stop)
