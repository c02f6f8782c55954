"""A folder of files as tools: read only, searched and opened, and nothing outside of it.

No link is followed, neither to a file nor to a folder: what lies in the folder itself is what can be read, and a path
is walked name by name from the folder's own handle, so that nothing can be exchanged between the check and the opening.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from mem1.errors import ConfigError
from mem1.tools.base import Tool, ToolResult
from mem1.tools.fulltext import TABLES, add_text, search, snippet
from mem1.types import ToolSpec, text_tool

SEARCH_FILES = text_tool("search_files", "query", "find words in the files of the folder")
OPEN_FILE = text_tool("open_file", "path", "read a file of the folder; path, or path:line to begin at a line")
LARGEST = 64 * 2**20
"""Bytes of the largest file that is read."""
_TOP, _SNIPPET, _BREAK = 8, 400, "\n"
_HEAD = 8192  # bytes in which a binary file shows a zero
_FRESH = 5.0  # seconds for which the index is taken to be up to date
_FILES = "CREATE TABLE IF NOT EXISTS files (id INTEGER PRIMARY KEY AUTOINCREMENT, path TEXT, mark TEXT);"
_SKIPPED = {"node_modules", "__pycache__"}
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK


class Folder:
    """A ``ToolSource`` over ``root``: ``search_files`` and ``open_file``.

    Names that begin with a dot are left out. The index lies at ``index`` (a file; ``":memory:"`` for small folders)
    and is brought up to date when it is entered. ``largest``: characters of a file that are given at once.

    Raises ``ConfigError`` where ``root`` is no folder.
    """

    def __init__(self, root: Path, index: Path | str = ":memory:", *, largest: int | None = None) -> None:
        if not root.is_dir():
            raise ConfigError("there is no such folder", where=str(root), hint="give a folder (tools.files, --files)")
        self._root = root
        self._index, self._largest = index, largest
        self._busy = threading.Lock()
        self._fresh_until = 0.0

    async def __aenter__(self) -> Sequence[Tool]:
        self._db = sqlite3.connect(self._index, check_same_thread=False)
        self._db.executescript(TABLES + _FILES)
        self._handle = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        await asyncio.to_thread(self._refresh)
        return (_Search(self), _Open(self))

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()
        os.close(self._handle)

    def find(self, query: str) -> ToolResult:
        """The places that fit best."""
        self._refresh()
        with self._busy:
            pieces = search(self._db, query, "SELECT id FROM files", (), _TOP)
            names = dict(self._db.execute("SELECT id, path FROM files"))
        found = []
        for piece in pieces:
            # A file's path stands in front of its text, on a line of its own.
            whole = piece.text if piece.start else piece.text.partition("\n")[2]
            start, text = snippet(whole, query, _SNIPPET)
            line = max(1, piece.line - 1) + whole[:start].count("\n")
            found.append(f"{names[piece.owner]}:{line}: {text.strip()}")
        source = f"search_files {query!r}"
        return ToolResult("\n\n".join(found) or "No file holds any of these words.", source)

    def open(self, path: str) -> ToolResult:
        """A file's text, from a line on."""
        name, _, line = path.strip().rpartition(":")
        first = int(line) if name and line.isdecimal() else 1
        name = name if name and line.isdecimal() else path.strip()
        try:
            data = self._read(name)
        except (OSError, ValueError) as error:
            return ToolResult(f"cannot open {name}: {_why(error)}", source=name, failed=True)
        if b"\0" in data[:_HEAD]:
            return ToolResult(f"{name} is binary, {len(data):,} bytes", source=name, failed=True)
        text = data.decode("utf-8-sig", "replace")
        if first > 1:
            text = "".join(text.splitlines(keepends=True)[first - 1 :])
        if self._largest is not None and len(text) > self._largest:
            text = _beginning(text, self._largest, name, first)
        return ToolResult(text or "(nothing stands there)", source=name if first == 1 else f"{name}:{first}")

    # ------------------------------------------------------------ reading

    def _read(self, name: str) -> bytes:
        """The bytes of the file ``name``. Raises ``OSError``."""
        parts = Path(name).parts
        if not parts or Path(name).is_absolute() or any(part.startswith(".") for part in parts):
            raise PermissionError(errno.EPERM, "outside")
        handle = os.dup(self._handle)
        try:
            for part in parts[:-1]:
                inner = os.open(part, _FLAGS | os.O_DIRECTORY, dir_fd=handle)
                os.close(handle)
                handle = inner
            file = os.open(parts[-1], _FLAGS, dir_fd=handle)
        finally:
            os.close(handle)
        with os.fdopen(file, "rb") as opened:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise IsADirectoryError(errno.EISDIR, "no file")
            if found.st_size > LARGEST:
                raise OSError(errno.EFBIG, "too large")
            return opened.read(LARGEST)

    def _refresh(self) -> None:
        """Index what is new or changed, forget what is gone; not more often than every few seconds."""
        with self._busy, self._db as db:
            if time.monotonic() < self._fresh_until:
                return
            known = {path: (number, mark) for number, path, mark in db.execute("SELECT id, path, mark FROM files")}
            for path, mark in self._walk():
                number, former = known.pop(path, (None, None))
                if former != mark:
                    self._forget(db, number)
                    self._add(db, path, mark)
            for number, _ in known.values():
                self._forget(db, number)
            self._fresh_until = time.monotonic() + _FRESH

    def _forget(self, db: sqlite3.Connection, number: int | None) -> None:
        db.execute("DELETE FROM pieces WHERE owner = ?", (number,))
        db.execute("DELETE FROM files WHERE id = ?", (number,))

    def _add(self, db: sqlite3.Connection, path: str, mark: str) -> None:
        number = db.execute("INSERT INTO files (path, mark) VALUES (?, ?)", (path, mark)).lastrowid
        assert number is not None
        with suppress(OSError):
            data = self._read(path)
            if b"\0" not in data[:_HEAD]:
                add_text(db, number, f"{path}\n{data.decode('utf-8-sig', 'replace')}")

    def _walk(self) -> Iterator[tuple[str, str]]:
        """Path and mark (size and time) of every file."""
        for folder, names, files in os.walk(self._root):
            names[:] = sorted(n for n in names if not n.startswith(".") and n not in _SKIPPED)
            for name in sorted(files):
                full = Path(folder, name)
                with suppress(OSError, UnicodeError):
                    found = full.lstat()
                    if not name.startswith(".") and stat.S_ISREG(found.st_mode):
                        path = full.relative_to(self._root).as_posix()
                        path.encode()
                        yield path, f"{found.st_size} {found.st_mtime_ns}"


class _Search:
    """``search_files``."""

    spec: ToolSpec = SEARCH_FILES
    changes = False

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        return await asyncio.to_thread(self._folder.find, str(arguments["query"]))


class _Open:
    """``open_file``."""

    spec: ToolSpec = OPEN_FILE
    changes = False

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        return await asyncio.to_thread(self._folder.open, str(arguments["path"]))


def _beginning(text: str, largest: int, name: str, first: int) -> str:
    """At most ``largest`` characters of ``text``, whole lines where one fits, and where to read on."""
    end = text.rfind("\n", 0, largest) + 1
    if end:
        shown = text[:end]
        return f"{shown}(it goes on at {name}:{first + shown.count(_BREAK)})"
    line = text.partition("\n")[0]
    more = f"; the next line is {name}:{first + 1}" if len(line) < len(text) else ""
    return f"{text[:largest]}\n(line {first} has {len(line):,} characters, of which {largest:,} are shown{more})"


def _why(error: OSError | ValueError) -> str:
    match error.errno if isinstance(error, OSError) else errno.ENOENT:
        case errno.ENOENT:
            return "there is no such file; search_files finds what there is"
        case errno.ELOOP | errno.EPERM | errno.ENOTDIR:
            return "only files of the folder itself are read, no links, no hidden ones, nothing outside"
        case errno.EISDIR:
            return "it is no file"
        case errno.EFBIG:
            return f"it is larger than {LARGEST:,} bytes"
        case _:
            return getattr(error, "strerror", None) or type(error).__name__
