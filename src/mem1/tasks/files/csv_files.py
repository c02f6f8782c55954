"""Questions from tables: CSV files with a header, one question a row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mem1.errors import DataError
from mem1.storage.foreign import lines, shown
from mem1.storage.rows import Row
from mem1.tasks.base import Split
from mem1.tasks.files.answers import FORM, is_listed, listed
from mem1.tasks.files.qa_files import QaSource
from mem1.tasks.files.qa_rows import Columns, QaRows, read_qa
from mem1.text import decoded

_HINT = "the first row names the columns; each row below has a question and at least one answer"
_SAVE = "save it as UTF-8 CSV"


class CsvFiles(QaSource):
    """One dataset: a CSV file for each split it has.

    Answers stand in one column or several; ``between`` splits a cell into several answers, and a list that was written
    into a cell (``["one", "another"]``, as pandas does) is read as one.
    ``between = None``: a cell is one answer. Without an ``id`` column rows are numbered from 0. Columns that are named
    nowhere become metadata.
    """

    def __init__(
        self,
        name: str,
        files: Mapping[Split, Path],
        *,
        question: str = "question",
        answers: Sequence[str] = ("answers",),
        between: str | None = "|",
        id_column: str | None = None,
        delimiter: str = ",",
    ) -> None:
        def rows(path: Path) -> Iterator[Row]:
            for row in read_table(path, delimiter, (question, *answers, *([id_column] if id_column else []))):
                values = dict(row.values)
                cells = {column: str(values.pop(column)) for column in answers}
                given = [part.strip() for column in cells for part in _parts(row, column, cells[column], between)]
                known: dict[str, Any] = {"question": values.pop(question), "answers": [a for a in given if a]}
                if id_column:
                    known["id"] = values.pop(id_column)
                yield row._replace(values={**known, "metadata": values})

        def read(path: Path) -> QaRows:
            return read_qa(rows(path), name, Columns(id="id" if id_column else None, answers="answers"))

        super().__init__(name, {split: partial(read, path) for split, path in files.items()}, files)


def _parts(row: Row, column: str, cell: str, between: str | None) -> Sequence[str]:
    if between is None:
        return (cell,)
    if not is_listed(cell):
        return cell.split(between)
    found = listed(cell)
    if found is None:
        raise row.error(f"{column!r} looks like a list but is not {FORM} as JSON writes it, got {shown(cell)}")
    return found


def read_table(path: Path, delimiter: str, wanted: Sequence[str]) -> Iterator[Row]:
    """Rows of a CSV file, which may be packed, as column -> cell; ``where`` names the line that a row ends in.

    Raises ``DataError`` for a missing or unreadable file, a column that is not there or there twice, a row with another
    number of cells, and a file without rows.
    """
    numbered = lines(path, "the table")
    reader = csv.reader(
        (decoded(line, f"{path}, line {number}", hint=_SAVE) for number, line in numbered),
        delimiter=delimiter,
        strict=True,
    )
    try:
        header = next(reader, [])
        _check_header(header, wanted, f"{path}, line 1")
        empty = True
        for cells in reader:
            if not cells:
                continue
            empty = False
            row = Row(dict(zip(header, cells, strict=False)), f"{path}, line {reader.line_num}", _HINT)
            if len(cells) != len(header):
                raise row.error(f"{len(cells)} cells in a table of {len(header)} columns")
            yield row
    except csv.Error as error:
        raise DataError(f"cannot read the table: {error}", where=str(path), hint=_SAVE) from error
    if empty:
        raise DataError("the table has no rows", where=str(path), hint=_HINT)


def _check_header(header: Sequence[str], wanted: Sequence[str], where: str) -> None:
    twice = next((column for column in header if header.count(column) > 1), None)
    if twice is not None:
        raise DataError(
            f"the column {twice!r} stands twice",
            where=where,
            hint="give each column a name of its own in the first row",
        )
    missing = [column for column in wanted if column not in header]
    if missing:
        raise DataError(
            f"no column {missing[0]!r}; there are {', '.join(map(repr, header)) or 'none'}",
            where=where,
            hint="name the columns in the recipe, or correct the first row",
        )
