"""Other people's files: unpacked by what they are and not by their name, UTF-8 or refused, JSON that can be kept."""

from __future__ import annotations

import gzip
import io
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, cast

from mem1.errors import ConfigError, DataError
from mem1.text import check_storable, decoded

Packing = Literal["plain", "gzip", "zstd"]

_BLOCK = 1 << 20
_STEP = 1 << 12  # of packed bytes at a time: what a small input can blow up to stays small
_BOM = b"\xef\xbb\xbf"
_SIGNS: tuple[tuple[bytes, Packing], ...] = ((b"\x1f\x8b", "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"))
_OTHERS = ((b"PK\x03\x04", "a ZIP archive"), (b"BZh", "packed with bzip2"), (b"\xfd7zXZ\0", "packed with xz"))


def packing(path: Path, what: str) -> Packing:
    """How a file is packed, by its first bytes. Raises ``DataError`` where it is missing or packed otherwise."""
    with readable(path, what), path.open("rb") as file:
        return _packing(file.read(len(_OTHERS[-1][0])), path, what)


def _packing(start: bytes, path: Path, what: str) -> Packing:
    for sign, name in _OTHERS:
        if start.startswith(sign):
            raise DataError(f"{what} is {name}", where=str(path), hint="unpack it; gzip and zstd are read as they are")
    return next((kind for sign, kind in _SIGNS if start.startswith(sign)), "plain")


def unpacked(raw: IO[bytes], kind: Packing) -> IO[bytes]:
    """What ``raw`` holds. Reading raises ``OSError``, ``EOFError`` or ``zlib.error`` where it is damaged or cut off."""
    if kind == "gzip":
        return io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=raw)), _BLOCK)
    return io.BufferedReader(_Blocks(_zstd(raw)), _BLOCK) if kind == "zstd" else raw


@contextmanager
def readable(path: Path, what: str, place: Callable[[], str] | None = None) -> Iterator[None]:
    """Turn what goes wrong with a file into a ``DataError``; ``place`` says how far reading got."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{what} is missing: {path}", hint="check the path") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"cannot read {what}: {getattr(error, 'strerror', None) or error}",
            where=place() if place else str(path),
            hint="it must be a whole file, plain or packed with gzip or zstd: fetch it again",
        ) from error


def lines(path: Path, what: str) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers from 1, split at newlines only, without a byte order mark in front.

    Raises ``DataError`` for a file that is missing, damaged or cut off.
    """
    number = 0
    with opened(path, what, lambda: f"{path}, after line {number}") as file:
        for number, line in enumerate(file, start=1):
            yield number, line.removeprefix(_BOM) if number == 1 else line


def text_of(path: Path, what: str) -> str:
    """The whole text of a file. Raises ``DataError`` as ``lines`` and ``decoded`` do."""
    with opened(path, what) as file:
        return decoded(file.read(), str(path))


@contextmanager
def opened(path: Path, what: str, place: Callable[[], str] | None = None) -> Iterator[IO[bytes]]:
    """What a file holds, unpacked; a pipe is read as it comes. Raises ``DataError``; ``place`` says how far it got."""
    with readable(path, what, place), path.open("rb", buffering=_BLOCK) as raw:
        start = raw.peek(len(_OTHERS[-1][0])) if isinstance(raw, io.BufferedReader) else b""
        yield unpacked(raw, _packing(start, path, what))


def parsed(text: str, where: str, *, hint: str) -> Any:
    """What a JSON text holds. Raises ``DataError`` where it is no JSON, names a thing twice, or cannot be kept."""
    try:
        value = _DECODER.decode(text)
    except RecursionError as error:
        raise DataError("nested too deeply to be read", where=where, hint=hint) from error
    except ValueError as error:
        if isinstance(error, json.JSONDecodeError) and "\r" in text.strip():
            hint = "the lines end in a carriage return alone: end them in a newline (tr '\\r' '\\n')"
        raise DataError(f"not JSON: {error}", where=where, hint=hint) from error
    # Text that was UTF-8 holds half a pair only where JSON spells it out; flat rows hold nothing else to look for.
    if "\\u" in text or not _is_flat(value):
        check_storable(value, where, hint=hint)
    return value


def parsed_object(line: bytes | str, where: str, *, hint: str) -> dict[str, Any]:
    """The object that a line of JSON lines holds. Raises ``DataError`` as ``parsed`` does, and for anything else."""
    value = parsed(decoded(line, where) if isinstance(line, bytes) else line, where, hint=hint)
    if not isinstance(value, dict):
        raise DataError(f"a row must be an object, got {shown(value)}", where=where, hint=hint)
    return value


def shown(value: object) -> str:
    """A value in a message, 80 characters of it at most."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return values


_DECODER = json.JSONDecoder(object_pairs_hook=_named_once)
_FLAT = frozenset({str, int, bool, type(None)})


def _is_flat(value: Any) -> bool:
    return type(value) is dict and all(type(one) in _FLAT for one in value.values())


class _Blocks(io.RawIOBase):
    """Blocks of bytes as a file that can be read."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count


def _zstd(raw: IO[bytes]) -> Iterator[bytes]:
    """The frames of a zstd file, one after the other; the library's own reader passes over one that is cut off."""
    try:
        import zstandard
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "files packed with zstd need the package 'zstandard'",
            where="a .zst file",
            hint="pip install 'mem1-rl[data]'",
        ) from missing
    frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
    begun = False
    try:
        while block := raw.read(_STEP):
            while block:
                if frame.eof:
                    frame, begun = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj(), False
                begun = True
                yield frame.decompress(block)
                block = frame.unused_data
    except zstandard.ZstdError as error:
        raise OSError(f"damaged: {error}") from error
    if begun and not frame.eof:
        raise EOFError("the zstd file is cut off")
