"""A process that is killed, or a disk that is full, at the n-th write: every place where a command can be cut short."""

from __future__ import annotations

import errno
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Stop = Callable[[], None]


class _Counting:
    """Counts what changes the disk; at number ``limit`` half a write is done and ``stop`` called."""

    def __init__(self, limit: int, stop: Stop) -> None:
        self.limit = limit
        self.stop = stop
        self.count = 0

    def due(self) -> bool:
        self.count += 1
        return self.count == self.limit


class _File:
    """A file opened for writing."""

    def __init__(self, file: Any, counting: _Counting) -> None:
        self._file = file
        self._counting = counting

    def write(self, data: Any) -> int:
        if self._counting.due():
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            self._counting.stop()
        return int(self._file.write(data))

    def __enter__(self) -> _File:
        return self

    def __exit__(self, *details: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


@contextmanager
def disturbed(limit: int, stop: Stop) -> Iterator[_Counting]:
    """Call ``stop`` at change number ``limit`` of the disk in the block (0: never, only count)."""
    counting = _Counting(limit, stop)
    opened = Path.open

    def open_(self: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = opened(self, mode, *rest, **more)
        return _File(file, counting) if set(mode) & set("wxa+") else file

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if counting.due():
                counting.stop()
            return real(*arguments, **more)

        return call

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", open_)
        for name in ("replace", "fsync", "truncate"):
            patch.setattr(os, name, counted(getattr(os, name)))
        yield counting


def full() -> None:
    """What a full disk does."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def changes(work: Callable[[], object]) -> int:
    """How often ``work`` changes the disk."""
    with disturbed(0, full) as counting:
        work()
    return counting.count


def killed_at(number: int, work: Callable[[], object]) -> bool:
    """Run ``work`` in a process that is killed at change ``number``; false where it ended before."""
    child = os.fork()
    if child == 0:
        try:
            with disturbed(number, lambda: os.kill(os.getpid(), signal.SIGKILL)):
                work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the work failed by itself"
    return False
