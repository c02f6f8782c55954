"""The one event loop of a command.

Training, evaluation and demonstrations take turns on it, so that what belongs to a loop (an engine's pending calls, a
client's connections) may live from one step to the next. Ctrl-C cancels what is awaited and raises
``KeyboardInterrupt``, as with ``asyncio.run``.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

T = TypeVar("T")
_current: ContextVar[asyncio.Runner | None] = ContextVar("command_loop", default=None)
_ending: ContextVar[ExitStack | None] = ContextVar("command_end", default=None)


@contextmanager
def command_loop() -> Iterator[None]:
    """What ``run_here`` runs inside runs on one loop, which is closed at the end. Of nested blocks the outer counts."""
    if _current.get() is not None:
        yield
        return
    with asyncio.Runner() as runner, ExitStack() as ending:
        tokens = _current.set(runner), _ending.set(ending)
        try:
            yield
        finally:
            _current.reset(tokens[0])
            _ending.reset(tokens[1])


def at_end(close: Callable[[], object]) -> None:
    """Call ``close`` when the command is over, whatever ended it; without a command, with the program."""
    ending = _ending.get()
    if ending is None:
        atexit.register(close)
    else:
        ending.callback(close)


def run_here(work: Coroutine[Any, Any, T]) -> T:
    """The result of ``work``, on the command's loop; without a command, on a loop of its own."""
    runner = _current.get()
    return asyncio.run(work) if runner is None else runner.run(work)
