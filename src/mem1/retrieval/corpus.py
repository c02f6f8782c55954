"""Corpora in the field's JSON-lines format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mem1.retrieval.base import Passage, contents_of
from mem1.storage.rows import Row, read_rows

HINT = 'each line is {"id": "0", "contents": "\\"Title\\"\\ntext"}, or has the keys id, title and text'


def read_corpus(path: Path) -> Iterator[Passage]:
    """Passages of a corpus, plain or ``.gz``, one at a time in file order.

    Raises ``DataError`` naming the file, the line and the field; an empty file and an id that is used
    twice are errors too.
    """
    for row in read_rows(path, what="the corpus", hint=HINT):
        yield check_passage(row)


def check_passage(row: Row) -> Passage:
    """The passage that a row holds. Raises ``DataError`` naming the line and the field."""
    row.id()
    for key in ("contents",) if "contents" in row.values else ("title", "text"):
        row.text(key)
    return passage_of(row.values)


def passage_of(values: Mapping[str, Any]) -> Passage:
    """The passage of a line that was checked before: ``document()`` gives the line back."""
    extra = {key: value for key, value in values.items() if key not in ("id", "contents")}
    if not isinstance(values["id"], str):
        extra["id"] = values["id"]
    if "contents" not in values:
        return Passage(id=str(values["id"]), title=extra.pop("title"), text=extra.pop("text"), extra=extra)
    contents: str = values["contents"]
    title, text = parse_contents(contents)
    if contents != contents_of(title, text):
        extra["contents"] = contents
    return Passage(id=str(values["id"]), title=title, text=text, extra=extra)


def parse_contents(contents: str) -> tuple[str, str]:
    """Title and text of ``"Title"\\ntext``; the quotes around the title go, doubled ones in it become one."""
    title, _, text = contents.partition("\n")
    title = title.strip()
    if len(title) >= 2 and title.startswith('"') and title.endswith('"'):
        title = title[1:-1].replace('""', '"')
    return title, text
