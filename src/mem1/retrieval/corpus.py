"""Corpora in the forms that people have: the field's JSON lines first of all, BEIR's, tables with a header, Parquet."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mem1.errors import DataError
from mem1.retrieval.base import Passage, contents_of
from mem1.storage.foreign import lines, shown
from mem1.storage.parquet import parquet_rows
from mem1.storage.rows import Row, read_rows, unique
from mem1.text import check_storable, decoded

HINT = (
    'each line is {"id": "0", "contents": "\\"Title\\"\\ntext"}, or has the keys id and text, and title if there is one'
)
WHAT = "the corpus"

# The field's name first; the others are BEIR's, Tevatron's, Pyserini's and MS MARCO's.
_IDS = ("id", "_id", "pid", "passage_id", "docid", "doc_id")  # a passage's before that of its document
_TEXTS = ("text", "content", "body", "passage", "segment")
_TABLES = {".tsv": "\t", ".csv": ","}


def read_corpus(path: Path) -> Iterator[Passage]:
    """Passages of a corpus (JSON lines, ``.tsv`` or ``.csv`` with a header, ``.parquet``; packed or not) in file order.

    Raises ``DataError`` naming the file, the line and the field; an empty file and an id that is used
    twice are errors too.
    """
    if not is_table(path):
        yield from (check_passage(row) for row in read_rows(path, what=WHAT, hint=HINT, name=_name))
        return
    yield from (check_passage(row) for row in unique(table_rows(path), path, what=WHAT, hint=HINT, name=_name))


def is_table(path: Path) -> bool:
    """Whether a corpus is a table, by its name: TSV or CSV (packed or not), or Parquet."""
    return _form(path) in (".parquet", *_TABLES)


def table_rows(path: Path) -> Iterator[Row]:
    """The rows of a corpus that is a table, as they stand there. Raises ``DataError``."""
    form = _form(path)
    for row in parquet_rows(path, WHAT, HINT) if form == ".parquet" else _separated(path, _TABLES[form]):
        check_storable(row.values, row.where, hint=row.hint)
        yield row


def _form(path: Path) -> str:
    return Path(path.stem).suffix if path.suffix in (".gz", ".zst") else path.suffix


def check_passage(row: Row) -> Passage:
    """The passage that a row holds. Raises ``DataError`` naming the line and the field."""
    _name(row)
    row.text(_text_key(row.values))
    title = row.values.get("title")
    if title is not None and "contents" not in row.values:
        row.text("title")
    return passage_of(row.values)


def passage_of(values: Mapping[str, Any]) -> Passage:
    """The passage of a line that was checked before; ``document()`` gives a line of the field's form back as it was."""
    id_key, text_key = _id_key(values), _text_key(values)
    name = str(values[id_key])
    contents = text_key == "contents"
    used = {id_key, text_key, "id", "contents"} | (set() if contents else {"title"})
    extra = {key: value for key, value in values.items() if key not in used}
    if id_key == "id" and not isinstance(values["id"], str):
        extra["id"] = values["id"]
    if not contents:
        return Passage(id=name, title=values.get("title") or "", text=values[text_key], extra=extra)
    title, text = parse_contents(values["contents"])
    if values["contents"] != contents_of(title, text):
        extra["contents"] = values["contents"]
    return Passage(id=name, title=title, text=text, extra=extra)


def parse_contents(contents: str) -> tuple[str, str]:
    """Title and text of ``"Title"\\ntext``; the quotes around the title go, doubled ones in it become one."""
    title, _, text = contents.partition("\n")
    title = title.strip()
    if len(title) >= 2 and title.startswith('"') and title.endswith('"'):
        title = title[1:-1].replace('""', '"')
    return title, text


def _name(row: Row) -> str:
    return row.id(_id_key(row.values))


def _id_key(values: Mapping[str, Any]) -> str:
    return next((key for key in _IDS if values.get(key) is not None), "id")


def _text_key(values: Mapping[str, Any]) -> str:
    """The key of the text; ``contents`` holds the title too, and counts before the others."""
    if values.get("contents") is not None:
        return "contents"
    return next((key for key in _TEXTS if values.get(key) is not None), "contents" if "contents" in values else "text")


def _separated(path: Path, delimiter: str) -> Iterator[Row]:
    """Rows of a table with a header (DPR's ``id``, ``text``, ``title``); cells with a quote or a break are quoted."""
    texts = (decoded(line, f"{path}, line {number}") for number, line in lines(path, WHAT))
    reader = csv.reader(texts, delimiter=delimiter)
    known = csv.field_size_limit(1 << 30)
    try:
        header = next(reader, [])
        if len(set(header)) < len(header) or not any(key in header for key in (*_TEXTS, "contents")):
            raise DataError(
                f"the first row must name the columns id, text and title, each once, got {shown(header)}",
                where=f"{path}, line 1",
                hint="put the names of the columns in front",
            )
        for cells in reader:
            if cells:
                row = Row(dict(zip(header, cells, strict=False)), f"{path}, line {reader.line_num}", HINT)
                if len(cells) != len(header):
                    raise row.error(f"{len(cells)} cells in a table of {len(header)} columns")
                yield row
    except csv.Error as error:
        raise DataError(f"cannot read {WHAT}: {error}", where=f"{path}, line {reader.line_num}", hint=HINT) from error
    finally:
        csv.field_size_limit(known)
