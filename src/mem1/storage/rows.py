"""Users' JSON-lines files: read row by row, and every complaint names the row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mem1.errors import DataError
from mem1.storage.foreign import lines, parsed_object, shown


class Row(NamedTuple):
    """A row's values, where it stands (``file, line 3``), and what its file should look like."""

    values: dict[str, Any]
    where: str
    hint: str

    def text(self, key: str) -> str:
        """The text under ``key``. Raises ``DataError``."""
        value = self.values.get(key)
        if not isinstance(value, str):
            raise self.error(f"{key!r} must be text, got {shown(value)}")
        return value

    def id(self, key: str = "id") -> str:
        """The row's id as text. Raises ``DataError``."""
        value = self.values.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            raise self.error(f"{key!r} must be text or a whole number, got {shown(value)}")
        return str(value)

    def error(self, what: str) -> DataError:
        """A complaint about this row."""
        return DataError(what, where=self.where, hint=self.hint)


def read_rows(path: Path, *, what: str, hint: str, name: Callable[[Row], str] = Row.id) -> Iterator[Row]:
    """The objects of a JSON-lines file, plain or packed with gzip or zstd; blank lines are passed over.

    ``what`` names the file in messages ("the corpus"), ``name`` gives a row's id. Raises ``DataError`` for a missing,
    unreadable or empty file, a line that is no JSON object or cannot be kept (``check_storable``), and an id that is
    used twice.
    """
    yield from unique(_parsed(path, what, hint), path, what=what, hint=hint, name=name)


def unique(
    rows: Iterable[Row], path: Path, *, what: str, hint: str, name: Callable[[Row], str] = Row.id
) -> Iterator[Row]:
    """The rows, as long as no id comes twice. Raises ``DataError`` where one does, or where there is no row."""
    seen: dict[str, str] = {}
    for row in rows:
        known = name(row)
        if known in seen:
            raise DataError(
                f"the id {known!r} is used twice, first in {seen[known]}",
                where=row.where,
                hint="give every row an id of its own",
            )
        seen[known] = row.where.removeprefix(f"{path}, ")
        yield row
    if not seen:
        raise DataError(f"{what} is empty", where=str(path), hint=hint)


def _parsed(path: Path, what: str, hint: str) -> Iterator[Row]:
    for number, line in lines(path, what):
        if line.strip():
            where = f"{path}, line {number}"
            yield Row(parsed_object(line, where, hint=hint), where, hint)
