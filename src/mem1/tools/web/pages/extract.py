"""Text of a page or a PDF, read by another program: one that takes too long, or too much memory, is ended."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError
from mem1.http.guarded.errors import PageError
from mem1.installed import install_hint

_CHILD = Path(__file__).with_name("child.py")
_START = 30.0  # seconds more that the first page of a reader may take: it loads its libraries
_MOST_ANSWER = 64 * 2**20  # bytes


class Extractor:
    """Keeps at most ``readers`` programs that read pages; each is used by one page at a time.

    ``seconds``: what one page may take. ``pages``: of a PDF, how many are read. Calls block: make them in a thread.
    """

    def __init__(self, *, seconds: float = 10.0, pages: int = 50, readers: int = 2) -> None:
        check_installed()
        self._seconds, self._pages = seconds, pages
        self._idle: queue.LifoQueue[_Reader | None] = queue.LifoQueue()
        for _ in range(readers):
            self._idle.put(None)  # started when first needed

    def html(self, text: str) -> tuple[str, str]:
        """Title and text. Raises ``PageError`` ("text", "timeout")."""
        return self._ask({"kind": "html"}, text.encode("utf-8", "replace"))

    def pdf(self, data: bytes) -> tuple[str, str]:
        """Title and text of the first pages. Raises ``PageError``."""
        return self._ask({"kind": "pdf", "pages": self._pages}, data)

    def close(self) -> None:
        """End the programs that are not at work."""
        with suppress(queue.Empty):
            while True:
                reader = self._idle.get_nowait()
                if reader is not None:
                    reader.end()

    def _ask(self, head: dict[str, Any], data: bytes) -> tuple[str, str]:
        reader = self._idle.get()
        try:
            if reader is None or not reader.alive:
                reader = _Reader()
            answer = reader.ask(head | {"length": len(data)}, data, self._seconds)
        finally:
            self._idle.put(reader if reader is not None and reader.alive else None)
        if "error" in answer:
            raise PageError(f"the page holds no text that can be read: {answer['error']}", reason="text")
        return answer["title"], answer["text"]


class _Reader:
    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_CHILD)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is for us
        )
        self._first = True

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, head: dict[str, Any], data: bytes, seconds: float) -> dict[str, str]:
        """The answer; a reader that does not give one in time is ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        late = threading.Event()

        def stop() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(seconds + (_START if self._first else 0.0), stop)
        timer.daemon = True
        timer.start()
        answer = b""
        try:
            self._process.stdin.write(json.dumps(head).encode("ascii") + b"\n" + data)
            self._process.stdin.flush()
            length = int(self._process.stdout.readline() or b"-1")
            if 0 <= length <= _MOST_ANSWER:
                answer = self._process.stdout.read(length)
                whole = len(answer) == length
            else:
                whole = False
        except (OSError, ValueError):
            whole = False
        finally:
            timer.cancel()
        self._first = False
        if not whole:
            self.end()
            if late.is_set():
                raise PageError(f"the page could not be read within {seconds:g} s", reason="timeout")
            raise PageError("the page could not be read: it ended the program that reads pages", reason="text")
        found: dict[str, str] = json.loads(answer)
        return found

    def end(self) -> None:
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()


def _environment() -> dict[str, str]:
    """Where libraries are found, and nothing else: no key is in the surroundings of what reads other people's pages."""
    kept = ("PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL")
    found = {name: os.environ[name] for name in kept if name in os.environ}
    return found | {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def check_installed(where: str = "pages") -> None:
    """Raise ``ConfigError`` where what reads pages is not installed; ``where``: the key that wants it."""
    from importlib.util import find_spec

    missing = [name for name in ("trafilatura", "pypdf", "protego", "charset_normalizer") if find_spec(name) is None]
    if missing:
        raise ConfigError(f"reading pages needs {', '.join(missing)}", where=where, hint=install_hint("web"))
