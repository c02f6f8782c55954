"""Ctrl-C that waits until the weights are whole again."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def deferred_interrupt() -> Iterator[None]:
    """Hold the first Ctrl-C back until the block is done, then raise ``KeyboardInterrupt``.

    A second one comes through at once. Outside the main thread signals are not ours to handle and nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pending = False

    def hold(_number: int, _frame: FrameType | None) -> None:
        nonlocal pending
        if pending:
            raise KeyboardInterrupt
        pending = True

    former = signal.signal(signal.SIGINT, hold)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, former)
    if pending:
        raise KeyboardInterrupt
