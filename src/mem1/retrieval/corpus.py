"""Corpora in the field's JSON-lines format."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from mem1.errors import DataError
from mem1.retrieval.base import Passage

_MEND = 'each line is {"id": "0", "contents": "\\"Title\\"\\ntext"}, or has the keys id, title and text'


def read_corpus(path: Path) -> list[Passage]:
    """All passages of a corpus, plain or ``.gz``, in file order.

    For corpora that fit in memory. Raises ``DataError`` naming the file, the row and the field; an
    empty file and an id used twice are errors too.
    """
    passages: list[Passage] = []
    rows: dict[str, int] = {}
    for number, passage in iterate_corpus(path):
        first = rows.setdefault(passage.id, number)
        if first != number:
            raise DataError(
                f"the id {passage.id!r} is used twice, first in line {first}",
                where=f"{path}, line {number}",
                mend="give every passage an id of its own",
            )
        passages.append(passage)
    if not passages:
        raise DataError("the corpus is empty", where=str(path), mend=_MEND)
    return passages


def iterate_corpus(path: Path) -> Iterator[tuple[int, Passage]]:
    """Passages one at a time with their line numbers (from 1); blank lines are passed over."""
    for number, line in _lines(path):
        if line.strip():
            yield number, _passage(line, f"{path}, line {number}")


def parse_contents(contents: str) -> tuple[str, str]:
    """Title and text of ``"Title"\\ntext``; the quotes around the title and doubled ones in it are removed."""
    title, _, text = contents.partition("\n")
    title = title.strip()
    if len(title) >= 2 and title.startswith('"') and title.endswith('"'):
        title = title[1:-1].replace('""', '"')
    return title, text


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    number = 0
    try:
        with _open(path) as file:
            for number, line in enumerate(file, start=1):
                yield number, line
    except FileNotFoundError as error:
        raise DataError(f"no such corpus: {path}", mend="check the path of the corpus") from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read the corpus: {error}",
            where=f"{path}, after line {number}",
            mend="the file must be UTF-8, plain or gzip, and whole: fetch it again",
        ) from error


def _open(path: Path) -> IO[str]:
    return gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8")


def _passage(line: str, where: str) -> Passage:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(f"not JSON: {error}", where=where, mend=_MEND) from error
    if not isinstance(row, dict):
        raise DataError(f"a row must be an object, got {type(row).__name__}", where=where, mend=_MEND)
    if "contents" in row:
        title, text = parse_contents(_text(row, "contents", where))
    else:
        title, text = _text(row, "title", where), _text(row, "text", where)
    return Passage(id=_id(row, where), title=title, text=text)


def _text(row: dict[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise DataError(f"{key!r} must be text, got {value!r}", where=where, mend=_MEND)
    return value


def _id(row: dict[str, Any], where: str) -> str:
    value = row.get("id")
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise DataError(f"'id' must be text or a whole number, got {value!r}", where=where, mend=_MEND)
    return str(value)
