"""Append-only lines, plain or gzip, that survive a crash in the middle of a line.

A compressed file is a chain of gzip members, one a line. Every prefix of whole members is a whole
gzip file, each line can be read alone by its offset, and ``zcat`` reads the lot.
"""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple

from mem1.errors import StorageError
from mem1.storage.atomic import storage_errors

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
    stays readable and writing can go on once there is room. Only what follows byte ``whole``, up to
    which the lines are known to be whole, is read for that.
    """

    def __init__(self, path: Path, *, whole: int = 0) -> None:
        self.path = path
        with storage_errors(f"open {path.name}", path):
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.is_file():
                cut_torn_line(path, whole)
            self._file = path.open("ab", buffering=0)
            self._size = os.fstat(self._file.fileno()).st_size

    def write(self, text: bytes) -> Line:
        """Append ``text``, which holds no newline. Raises ``StorageError``; the file is then as before."""
        assert b"\n" not in text, "a line holds no newline"
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

    Raises ``StorageError`` when the file cannot be read or the compressed data is damaged.
    """
    with storage_errors(f"read {path.name}", path), path.open("rb") as file:
        file.seek(start)
        yield from (_members(file, start, path) if _compressed(path) else _plain(file, start))


def read_span(path: Path, offset: int, length: int) -> bytes:
    """The text of the lines held by ``length`` bytes at ``offset`` (as ``read_lines`` reported them)."""
    with storage_errors(f"read {path.name}", path), path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    if not _compressed(path):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, offset, error) from error


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


def _plain(file: IO[bytes], start: int) -> Iterator[Line]:
    offset = start
    for raw in file:
        if not raw.endswith(b"\n"):
            return  # torn, or still being written: what is appended next would be read as a line of its own
        yield Line(raw[:-1], offset, len(raw))
        offset += len(raw)


def _members(file: IO[bytes], start: int, path: Path) -> Iterator[Line]:
    offset = start
    rest = b""
    while rest := rest or file.read(_BLOCK):
        inflater = zlib.decompressobj(_GZIP)
        text = bytearray()
        used = 0
        while rest and not inflater.eof:
            try:
                text += inflater.decompress(rest)
            except zlib.error as error:
                if not used and _only_zeros(rest, file):
                    return  # torn: after a power cut a file may have its new length but not yet its new content
                raise _damaged(path, offset, error) from error
            used += len(rest) - len(inflater.unused_data)
            rest = inflater.unused_data if inflater.eof else file.read(_BLOCK)
        if not inflater.eof:
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
