"""Processes that end with the one that started them, however that ends: a server must not outlive a killed test.

Between the two stands this file as a program. It leads a process group of its own and waits at a pipe that nobody
writes to: when the other end is gone, all of the group is killed. That holds on every system with process groups, also
where the one that started it was killed and could clear up nothing.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO, Any


def started(command: Sequence[str], **how: Any) -> subprocess.Popen[Any]:
    """``command`` as ``subprocess.Popen(command, **how)`` starts it, but for its standard input, which is empty.

    The process is the one in between: SIGTERM and SIGINT are handed on to the command (``inner``), whose exit code it
    has; ``os.killpg`` with its id kills the command with all that it started, and so does the end of a ``with`` block
    of it. ``communicate`` does too, since it closes the pipe: read what the command says, then ``wait``.
    """
    return subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, *command], stdin=subprocess.PIPE, start_new_session=True, **how
    )


def inner(process: subprocess.Popen[Any]) -> int:
    """The id of the command itself, to look into it or to send it any other signal."""
    import psutil  # not where this file is a program

    for _ in range(200):
        if begun := psutil.Process(process.pid).children():
            return int(begun[0].pid)
        time.sleep(0.05)
    raise AssertionError("the command was not started")


def _between(command: Sequence[str], pipe: IO[bytes]) -> int:
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    for handed_on in (signal.SIGTERM, signal.SIGINT):
        signal.signal(handed_on, lambda number, _: child.send_signal(number))
    threading.Thread(target=_watch, args=(pipe,), daemon=True).start()
    code = child.wait()
    return 128 - code if code < 0 else code


def _watch(pipe: IO[bytes]) -> None:
    while os.read(pipe.fileno(), 4096):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(_between(sys.argv[1:], sys.stdin.buffer))
