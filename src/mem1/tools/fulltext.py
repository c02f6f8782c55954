"""Words of any number of texts, searched on disk: an index of SQLite's (FTS5, BM25) of which nothing stays in memory.

Texts are kept in pieces, one after the other without a gap, so that any stretch of one can be read again. Words are
those of the program's own lexical search, of any script. Pieces that are deleted leave their words behind, which find
nothing any more: numbers are not used twice.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mem1.retrieval.bm25.tokens import words

PIECE = 1000
"""Characters of a piece, about: it ends at the end of a line or of a word where there is one near."""
_MOST_WORDS = 32  # of a query

TABLES = """
CREATE TABLE IF NOT EXISTS pieces (id INTEGER PRIMARY KEY AUTOINCREMENT, owner INTEGER NOT NULL, start INTEGER NOT NULL,
  line INTEGER NOT NULL, text TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS pieces_by_owner ON pieces (owner, start);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (text, content='');
"""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a text: whose, from which character and line (both of the text) on."""

    owner: int
    start: int
    line: int
    text: str


def add_text(db: sqlite3.Connection, owner: int, text: str) -> None:
    """Keep ``text`` as what ``owner`` holds; part of the caller's transaction."""
    for piece in _pieces(owner, text):
        row = db.execute(
            "INSERT INTO pieces (owner, start, line, text) VALUES (?, ?, ?, ?)",
            (owner, piece.start, piece.line, piece.text),
        ).lastrowid
        db.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (row, " ".join(words(piece.text))))


def read_text(db: sqlite3.Connection, owner: int, start: int = 0, length: int | None = None) -> str:
    """``length`` characters of what ``owner`` holds, from character ``start`` on; fewer at its end."""
    first = db.execute(
        "SELECT MAX(start) FROM pieces WHERE owner = ? AND start <= ?", (owner, max(start, 0))
    ).fetchone()[0]
    parts: list[str] = []
    have = 0
    rows = db.execute(
        "SELECT start, text FROM pieces WHERE owner = ? AND start >= ? ORDER BY start", (owner, first or 0)
    )
    for begins, text in rows:
        part = text[max(start - begins, 0) :]
        parts.append(part if length is None else part[: length - have])
        have += len(parts[-1])
        if length is not None and have >= length:
            break
    return "".join(parts)


def search(db: sqlite3.Connection, query: str, owners: str, values: Iterable[object], k: int) -> list[Piece]:
    """The ``k`` pieces that fit ``query`` best, among those of the owners that the SQL condition ``owners`` names."""
    wanted = list(dict.fromkeys(words(query)))[:_MOST_WORDS]
    if not wanted:
        return []
    match = " OR ".join(f'"{word}"' for word in wanted)
    rows = db.execute(
        "SELECT p.owner, p.start, p.line, p.text FROM words JOIN pieces p ON p.id = words.rowid "
        f"WHERE words MATCH ? AND p.owner IN ({owners}) ORDER BY words.rank, p.id LIMIT ?",
        (match, *values, k),
    )
    return [Piece(*row) for row in rows]


def snippet(text: str, query: str, width: int) -> tuple[int, str]:
    """Where in ``text`` the words of ``query`` first stand, and ``width`` characters from a little before there on."""
    wanted = set(words(query))
    at = next((found.start() for found in re.finditer(r"[^\W_]+", text) if found.group().lower() in wanted), 0)
    start = max(0, min(at - width // 4, len(text) - width))
    return start, text[start : start + width]


def _pieces(owner: int, text: str) -> Iterator[Piece]:
    start, line = 0, 1
    while start < len(text):
        end = _border(text, start)
        piece = text[start:end]
        yield Piece(owner, start, line, piece)
        start, line = end, line + piece.count("\n")


def _border(text: str, start: int) -> int:
    """Where the piece that begins at ``start`` ends: behind its last line break, or blank, if any is far enough."""
    end = start + PIECE
    if end >= len(text):
        return len(text)
    for sign in ("\n", " "):
        found = text.rfind(sign, start + PIECE // 2, end)
        if found >= 0:
            return found + 1
    return end
