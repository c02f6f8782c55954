"""Calls of an engine that are under way, to be ended when the engine is closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from mem1.errors import BackendError

T = TypeVar("T")


class PendingCalls:
    """Runs calls until ``close``: those under way then, and later ones, fail with ``BackendError``."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def run(self, session: str, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``call`` returns or raises; ``session`` names it in errors."""
        if self._closed:
            raise _closed(session)
        task = asyncio.create_task(call())
        self._tasks.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if self._closed:
                raise _closed(session) from None
            raise
        finally:
            self._tasks.discard(task)

    def check_idle(self) -> None:
        """Raise ``BackendError`` while a call is under way: what is written must be of one policy."""
        if self._tasks:
            raise BackendError(
                f"the policy changed while {len(self._tasks)} requests were in flight",
                hint="await all completions before updating the policy",
            )

    def close(self) -> None:
        """End all calls, those of other event loops too."""
        self._closed = True
        for task in list(self._tasks):
            loop = task.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)


def _closed(session: str) -> BackendError:
    return BackendError("the engine is closed", where=session, hint="make a new engine")
