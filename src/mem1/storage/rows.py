"""Users' JSON-lines files: read row by row, and every complaint names the row."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from mem1.errors import DataError


class Row(NamedTuple):
    """A row's values, where it stands (``file, line 3``), and what its file should look like."""

    values: dict[str, Any]
    where: str
    hint: str

    def text(self, key: str) -> str:
        """The text under ``key``. Raises ``DataError``."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.error(f"{key!r} must be text, got {_shown(value)}")
        return value

    def id(self, key: str = "id") -> str:
        """The row's id as text. Raises ``DataError``."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise self.error(f"{key!r} must be text or a whole number, got {_shown(value)}")
        return str(value)

    def error(self, what: str) -> DataError:
        """A complaint about this row."""
        return DataError(what, where=self.where, hint=self.hint)


def read_rows(path: Path, *, what: str, hint: str) -> Iterator[Row]:
    """The objects of a JSON-lines file, plain or ``.gz``; blank lines are passed over.

    ``what`` names the file in messages ("the corpus"). Raises ``DataError`` for a missing, unreadable or
    empty file, a line that is no JSON object, and an id that is used twice.
    """
    lines: dict[Any, int] = {}
    for number, line in _lines(path, what):
        if not line.strip():
            continue
        row = Row(_object(line, f"{path}, line {number}", hint), f"{path}, line {number}", hint)
        first = lines.setdefault(row.id(), number)
        if first != number:
            raise DataError(
                f"the id {row.id()!r} is used twice, first in line {first}",
                where=row.where,
                hint="give every row an id of its own",
            )
        yield row
    if not lines:
        raise DataError(f"{what} is empty", where=str(path), hint=hint)


def _lines(path: Path, what: str) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                yield number, line
    except FileNotFoundError as error:
        raise DataError(f"{what} is missing: {path}", hint="check the path") from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read {what}: {error}",
            where=f"{path}, after line {number}",
            hint="it must be a whole UTF-8 file, plain or gzip (named .gz): fetch it again",
        ) from error


def _open(path: Path) -> IO[str]:
    # utf-8-sig: some tools put a byte order mark in front, which is no part of the first row.
    return gzip.open(path, "rt", encoding="utf-8-sig") if path.suffix == ".gz" else path.open(encoding="utf-8-sig")


def _object(line: str, where: str, hint: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=where, hint=hint) from error
    if not isinstance(value, dict):
        raise DataError(f"a row must be an object, got {_shown(value)}", where=where, hint=hint)
    return value


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."
