"""A corpus file as lines from some byte of its text on, with the checksum of the file on the way."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol, cast

from mem1.errors import DataError

_BLOCK = 1 << 20


class TextSource(Protocol):
    """Lines, and what is known of the file that they come from so far."""

    crc: int  # CRC-32 of the file's bytes that were read
    done: int  # bytes of the file that were read

    def lines(self) -> Iterator[bytes]:
        """All lines from the starting point on, with their newlines. Raises ``DataError`` for a damaged file."""


def open_text(path: Path, position: int, crc: int) -> TextSource:
    """The text of ``path`` (plain, or ``.gz``) from byte ``position`` of the text; ``crc`` of what stands before."""
    return _Inflated(path, position) if path.suffix == ".gz" else _Plain(path, position, crc)


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
    """Reads from the beginning even where it starts later: nothing inside a gzip file can be reached otherwise."""

    def __init__(self, path: Path, position: int) -> None:
        self._path = path
        self._position = position
        self.done = 0
        self.crc = 0

    def lines(self) -> Iterator[bytes]:
        with self._path.open("rb", buffering=0) as file:
            watched = cast("IO[bytes]", io.BufferedReader(_Watched(file, self), _BLOCK))
            try:
                with gzip.GzipFile(fileobj=watched) as inflated, io.BufferedReader(inflated, _BLOCK) as text:
                    left = self._position
                    while left:
                        left -= len(text.read(min(left, _BLOCK)))
                    yield from text
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(
                    f"cannot inflate the corpus: {error}", where=str(self._path), hint="fetch the file again, whole"
                ) from error


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
