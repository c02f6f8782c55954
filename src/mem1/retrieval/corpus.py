"""Corpora in the field's JSON-lines format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mem1.retrieval.base import Passage
from mem1.storage.rows import Row, read_rows

_MEND = 'each line is {"id": "0", "contents": "\\"Title\\"\\ntext"}, or has the keys id, title and text'


def read_corpus(path: Path) -> Iterator[Passage]:
    """Passages of a corpus, plain or ``.gz``, one at a time in file order.

    Raises ``DataError`` naming the file, the line and the field; an empty file and an id that is used
    twice are errors too.
    """
    for row in read_rows(path, what="the corpus", mend=_MEND):
        title, text = _title_and_text(row)
        yield Passage(id=row.id(), title=title, text=text)


def parse_contents(contents: str) -> tuple[str, str]:
    """Title and text of ``"Title"\\ntext``; the quotes around the title go, doubled ones in it become one."""
    title, _, text = contents.partition("\n")
    title = title.strip()
    if len(title) >= 2 and title.startswith('"') and title.endswith('"'):
        title = title[1:-1].replace('""', '"')
    return title, text


def _title_and_text(row: Row) -> tuple[str, str]:
    if "contents" in row.values:
        return parse_contents(row.text("contents"))
    return row.text("title"), row.text("text")
