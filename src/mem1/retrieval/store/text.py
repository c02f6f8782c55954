"""A corpus file as lines from some byte of its text on, with the checksum of the file on the way."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol, cast

from mem1.retrieval.corpus import WHAT, check_passage, is_table, table_rows
from mem1.retrieval.store.fingerprint import checksum
from mem1.storage.foreign import Packing, packing, readable, unpacked

_BLOCK = 1 << 20


class TextSource(Protocol):
    """Lines, and what is known of the file that they come from so far."""

    crc: int  # CRC-32 of the file's bytes that were read
    done: int  # bytes of the file that were read

    def lines(self) -> Iterator[bytes]:
        """All lines from the starting point on, with their newlines. Raises ``DataError`` for a damaged file."""


def open_text(path: Path, position: int, crc: int) -> TextSource:
    """The text of ``path`` from byte ``position`` of the text on; ``crc`` of what stands before in the file.

    The text of a packed file is what it holds, that of a table its rows as JSON lines.
    """
    if is_table(path):
        return _Converted(path, position)
    kind = packing(path, WHAT)
    return _Plain(path, position, crc) if kind == "plain" else _Inflated(path, position, kind)


def is_copied(path: Path) -> bool:
    """Whether the text of a corpus must be written into its store: all that are not plain JSON lines."""
    return is_table(path) or packing(path, WHAT) != "plain"


class _Plain:
    def __init__(self, path: Path, position: int, crc: int) -> None:
        self._path = path
        self.done = position
        self.crc = crc

    def lines(self) -> Iterator[bytes]:
        with self._path.open("rb", buffering=_BLOCK) as file:
            file.seek(self.done)
            for raw in file:
                self.crc = zlib.crc32(raw, self.crc)
                self.done += len(raw)
                yield raw


class _Inflated:
    """Reads from the beginning even where it starts later: nothing inside a packed file can be reached otherwise."""

    def __init__(self, path: Path, position: int, kind: Packing) -> None:
        self._path = path
        self._kind = kind
        self._position = position
        self.done = 0
        self.crc = 0

    def lines(self) -> Iterator[bytes]:
        with readable(self._path, WHAT), self._path.open("rb", buffering=0) as file:
            watched = cast("IO[bytes]", io.BufferedReader(_Watched(file, self), _BLOCK))
            with unpacked(watched, self._kind) as text:
                left = self._position
                while left:
                    left -= len(text.read(min(left, _BLOCK)))
                yield from text


class _Converted:
    """Rows of a table as JSON lines. The file is read once more for its checksum when all were given."""

    def __init__(self, path: Path, position: int) -> None:
        self._path = path
        self._position = position
        self.done = 0
        self.crc = 0

    def lines(self) -> Iterator[bytes]:
        passed = 0
        for row in table_rows(self._path):
            check_passage(row)
            line = json.dumps(row.values, ensure_ascii=False).encode() + b"\n"
            if passed >= self._position:
                yield line
            passed += len(line)
        self.crc = checksum(self._path)
        self.done = self._path.stat().st_size


class _Watched(io.RawIOBase):
    """A file that tells ``owner`` what was read of it."""

    def __init__(self, file: io.FileIO, owner: _Inflated) -> None:
        self._file = file
        self._owner = owner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = self._file.readinto(buffer)
        self._owner.crc = zlib.crc32(buffer[:count], self._owner.crc)
        self._owner.done += count
        return count
