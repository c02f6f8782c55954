"""One writer at a time: a lock on a directory that names its holder and ends with its process, however that ends.

The operating system keeps the lock (``flock``), so that a killed process leaves none behind; the file's content only
says who holds it. Readers take none.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mem1.errors import StorageError
from mem1.storage.atomic import storage_errors

LOCK = ".lock"
"""Name of the file in the directory."""
_SHOWN = 200  # characters of a command


@contextmanager
def locked(folder: Path, command: str | None = None) -> Iterator[None]:
    """Hold the lock of ``folder``, which is made if needed, while the block runs.

    ``command`` is what others are told the holder does; by default its command line.

    Raises:
        StorageError: Somebody holds it: process, host, command and time are named. Or the folder cannot be written.
    """
    path = folder / LOCK
    with storage_errors("lock the directory", path):
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    try:
        if not try_lock(descriptor):
            raise StorageError(
                f"another process writes here: {_holder(path)}",
                where=str(folder),
                hint="wait for it or end it (its lock ends with it), or choose another directory",
            )
        with storage_errors("lock the directory", path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(_myself(command)).encode(), 0)
        try:
            yield
        finally:
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def check_unlocked(folder: Path) -> None:
    """Raise ``StorageError`` where somebody holds the lock of ``folder``; makes nothing."""
    if (folder / LOCK).exists():
        with locked(folder):
            pass


def held(folder: Path) -> bool:
    """Whether somebody writes in ``folder``. Looks without writing; a holder that was killed holds nothing.

    Only a lock that names a holder is tried, and given back at once, so that a reader who asks often is in nobody's
    way.
    """
    with suppress(OSError):
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if os.fstat(descriptor).st_size:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
    return False


def try_lock(descriptor: int) -> bool:
    """Lock an open file for this process alone; false where another has it.

    A file system that knows no locks has none to refuse either: then nothing is held.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _myself(command: str | None) -> dict[str, Any]:
    line = command or " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "command": line[:_SHOWN],
        "since": time.strftime("%Y-%m-%d %H:%M:%S %z"),
    }


def _holder(path: Path) -> str:
    """Who holds the lock, as far as the file says: it may be read between two writes."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(4096))
        parts = [f"process {found['pid']} on {found['host']}", f"({found['command']})", f"since {found['since']}"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return "one that has not said its name"
    return " ".join(parts)
