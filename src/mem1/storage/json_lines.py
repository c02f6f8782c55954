"""Append-only lines, plain or gzip, that survive a crash in the middle of a line.

A compressed file is a chain of gzip members, one a line. Every prefix of whole members is a whole
gzip file, each line can be read alone by its offset, and ``zcat`` reads the lot.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from mem1.errors import StorageError
from mem1.storage.atomic import storage_errors
from mem1.storage.guards.limits import line_limit, line_too_large, too_large
from mem1.storage.guards.lock import try_lock

_BLOCK = 1 << 20
_GZIP = 31  # zlib's window bits for a gzip header
_LEVEL = 1  # four times as fast as the default and only a little larger; the rollout waits for it


class Line(NamedTuple):
    """A line without its newline, and the bytes of the file that hold it."""

    text: bytes
    offset: int
    length: int


class LineWriter:
    """Appends lines, each handed to the operating system before ``write`` returns.

    A path ending in ``.gz`` is compressed. A torn last line, left by a crash, is cut off when the file
    is opened again. A line that could not be written whole (full disk) is taken back, so the file
    stays readable and writing can go on once there is room. Only what follows byte ``whole`` (or what it
    returns once nobody else can write), up to which the lines are known to be whole, is read for that.

    A second writer of the same file is refused as long as this one is open, in whatever process: ``StorageError``.
    """

    def __init__(self, path: Path, *, whole: int | Callable[[], int] = 0) -> None:
        self.path = path
        with storage_errors(f"open {path.name}", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab", buffering=0)
            try:
                if not try_lock(self._file.fileno()):
                    raise StorageError(
                        f"somebody else is writing {path.name}",
                        where=str(path),
                        hint="wait for that process or end it, or write another run",
                    )
                if path.is_file():
                    cut_torn_line(path, whole if isinstance(whole, int) else whole())
                self._size = os.fstat(self._file.fileno()).st_size
            except BaseException:
                self._file.close()
                raise

    def write(self, text: bytes) -> Line:
        """Append ``text``, which holds no newline. Raises ``StorageError``; the file is then as before."""
        assert b"\n" not in text, "a line holds no newline"
        if len(text) >= line_limit():
            raise line_too_large(f"a line of {self.path.name}", line_limit(), where=str(self.path))
        data = gzip.compress(text + b"\n", _LEVEL, mtime=0) if _compressed(self.path) else text + b"\n"
        with storage_errors(f"write to {self.path.name}", self.path):
            try:
                view = memoryview(data)
                while view:
                    view = view[self._file.write(view) :]
            except BaseException:
                with suppress(OSError):
                    self._file.truncate(self._size)
                raise
        line = Line(text, self._size, len(data))
        self._size += len(data)
        return line

    def sync(self) -> None:
        """Wait until all lines are on the disk, to outlast a power cut. Raises ``StorageError``."""
        with storage_errors(f"write {self.path.name} to the disk", self.path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; writing afterwards is an error."""
        self._file.close()

    def __enter__(self) -> LineWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_lines(path: Path, start: int = 0) -> Iterator[Line]:
    """All whole lines of ``path`` from byte ``start`` on; a torn last one is passed over.

    Raises ``StorageError`` when the file cannot be read, the compressed data is damaged, or a line is larger than
    ``line_limit()``.
    """
    with storage_errors(f"read {path.name}", path), path.open("rb") as file:
        file.seek(start)
        yield from (_members(file, start, path) if _compressed(path) else _plain(file, start, path))


def read_span(path: Path, offset: int, length: int) -> bytes:
    """The text of the lines held by ``length`` bytes at ``offset`` (as ``read_lines`` reported them).

    Raises ``StorageError`` as ``read_lines`` does, and where they do not end there.
    """
    limit, where = line_limit(), f"{path}, byte {offset}"
    with storage_errors(f"read {path.name}", path), path.open("rb") as file:
        file.seek(offset)
        data = file.read(min(length, limit + 1))
    if len(data) > limit:
        raise line_too_large(f"a line of {path.name}", limit, where=where)
    if not _compressed(path):
        return data
    stream = io.BytesIO(data)
    found = b"".join(line.text + b"\n" for line in _members(stream, 0, path))
    if not found:
        raise _damaged(path, offset, EOFError("the line is not whole"))
    return found


def inflate(data: bytes, limit: int, *, where: Path) -> bytes:
    """What one gzip member inflates to. Raises ``StorageError`` beyond ``limit`` bytes, ``ValueError`` for damage."""
    inflater = zlib.decompressobj(_GZIP)
    try:
        text = inflater.decompress(data, limit + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from error
    if len(text) > limit:
        raise too_large(f"{where.name}, inflated,", limit, where=str(where))
    if not inflater.eof or inflater.unused_data:
        raise ValueError("it is not one whole gzip member")
    return text


def cut_torn_line(path: Path, whole: int = 0) -> int:
    """Cut off what a crash left behind the last whole line; returns the number of bytes removed.

    The first ``whole`` bytes are known to be whole lines, and are not read if the file is compressed.
    """
    size = path.stat().st_size
    end = whole
    if _compressed(path):
        for line in read_lines(path, whole):
            end = line.offset + line.length
    else:
        with path.open("rb") as file:
            end = _last_newline(file, size)
    if end < size:
        os.truncate(path, end)
    return size - end


def _plain(file: IO[bytes], start: int, path: Path) -> Iterator[Line]:
    offset, limit = start, line_limit()
    while raw := file.readline(limit + 1):
        if len(raw) > limit:
            raise line_too_large(f"a line of {path.name}", limit, where=f"{path}, byte {offset}")
        if not raw.endswith(b"\n"):
            return  # torn, or still being written: what is appended next would be read as a line of its own
        yield Line(raw[:-1], offset, len(raw))
        offset += len(raw)


def _members(file: IO[bytes], start: int, path: Path) -> Iterator[Line]:
    offset, limit = start, line_limit()
    rest = b""
    while rest := rest or file.read(_BLOCK):
        inflater = zlib.decompressobj(_GZIP)
        text = bytearray()
        used = 0
        while not inflater.eof:
            try:
                piece = inflater.decompress(rest, _BLOCK)
            except zlib.error as error:
                if not used and _only_zeros(rest, file):
                    return  # torn: after a power cut a file may have its new length but not yet its new content
                raise _damaged(path, offset, error) from error
            text += piece
            if len(text) > limit:
                raise line_too_large(f"a compressed line of {path.name}", limit, where=f"{path}, byte {offset}")
            left = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            used += len(rest) - len(left)
            rest = left
            if not inflater.eof and not rest and len(piece) < _BLOCK:  # a full piece may have more behind it
                rest = file.read(_BLOCK)
                if not rest:
                    return  # torn: the writer died inside this member
        for line in bytes(text).splitlines():
            yield Line(line, offset, used)
        offset += used


def _only_zeros(rest: bytes, file: IO[bytes]) -> bool:
    while rest and not rest.strip(b"\0"):
        rest = file.read(_BLOCK)
    return not rest


def _last_newline(file: IO[bytes], size: int) -> int:
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _compressed(path: Path) -> bool:
    return path.suffix == ".gz"


def _damaged(path: Path, offset: int, error: Exception) -> StorageError:
    return StorageError(
        f"{path.name} is damaged: {error}",
        where=f"{path}, byte {offset}",
        hint="restore the file from a copy, or delete it",
    )
