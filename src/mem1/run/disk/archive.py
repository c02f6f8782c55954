"""What left the context: every page and every result whole, under an address, found by words and read on from anywhere.

Addresses are ``r12`` for what the action of turn 12 brought, ``p12`` for the page of turn 12, and ``r12:3400`` for the
place 3,400 characters into it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from mem1.run.disk.records import Source
from mem1.run.disk.store import SessionStore
from mem1.tools.fulltext import add_text, read_text, search, snippet

_ADDRESS = re.compile(r"\s*\[?\s*(?P<name>[rp]\d{1,9})\s*(?::\s*(?P<start>\d{1,15}))?\s*\]?\s*")
_CITED = re.compile(r"\[([^\][]{1,200})\]")
_NAME = re.compile(r"\b[rp]\d{1,9}\b")
_SNIPPET = 500


@dataclass(frozen=True, slots=True)
class Block:
    """Something kept: its address, where it came from, its length in characters."""

    id: int
    address: str
    source: str
    length: int


@dataclass(frozen=True, slots=True)
class Found:
    """A place that fits a query."""

    address: str
    source: str
    text: str


class Archive:
    """What one task has seen and written. Nothing of it is held in memory."""

    def __init__(self, store: SessionStore, task: int) -> None:
        self._store, self._task = store, task

    def keep(self, address: str, turn: int, text: str, source: str) -> Block:
        """Keep ``text``. The same text a second time is not kept twice: the address it has is returned."""
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        with self._store.transaction() as db:
            row = db.execute(
                "SELECT id, address, source, length FROM blocks WHERE task = ? AND digest = ?", (self._task, digest)
            ).fetchone()
            if row is not None:
                return Block(*row)
            number = db.execute(
                "INSERT INTO blocks (task, address, turn, source, length, digest) VALUES (?, ?, ?, ?, ?, ?)",
                (self._task, address, turn, source, len(text), digest),
            ).lastrowid
            assert number is not None
            add_text(db, number, text)
        return Block(number, address, source, len(text))

    def block(self, address: str) -> tuple[Block, int] | None:
        """What lies at ``address`` and the place that it names; ``None`` where nothing does."""
        found = _ADDRESS.fullmatch(address)
        if found is None:
            return None
        row = self._store.db.execute(
            "SELECT id, address, source, length FROM blocks WHERE task = ? AND address = ?", (self._task, found["name"])
        ).fetchone()
        return None if row is None else (Block(*row), int(found["start"] or 0))

    def read(self, block: Block, start: int, length: int) -> str:
        """``length`` characters from ``start`` on."""
        return read_text(self._store.db, block.id, start, length)

    def find(self, query: str, k: int, *, before: int) -> list[Found]:
        """The ``k`` places that fit ``query`` best, in what was kept before turn ``before``."""
        owners = "SELECT id FROM blocks WHERE task = ? AND turn < ?"
        found = []
        for piece in search(self._store.db, query, owners, (self._task, before), k):
            address, source = self._store.db.execute(
                "SELECT address, source FROM blocks WHERE id = ?", (piece.owner,)
            ).fetchone()
            start, text = snippet(piece.text, query, _SNIPPET)
            found.append(Found(f"{address}:{piece.start + start}", source, text.strip()))
        return found

    def cited(self, answer: str) -> tuple[tuple[Source, ...], tuple[str, ...]]:
        """The addresses that ``answer`` names in brackets: those that there are, and those that there are not."""
        names = dict.fromkeys(name for inner in _CITED.findall(answer) for name in _NAME.findall(inner))
        known, unknown = [], []
        for name in names:
            found = self.block(name)
            if found is None:
                unknown.append(name)
            else:
                known.append(Source(address=name, source=found[0].source))
        return tuple(known), tuple(unknown)

    def seen(self, limit: int = 50) -> tuple[Source, ...]:
        """What tools brought, oldest first."""
        rows = self._store.db.execute(
            "SELECT address, source FROM blocks WHERE task = ? AND address LIKE 'r%' ORDER BY id LIMIT ?",
            (self._task, limit),
        )
        return tuple(Source(address=address, source=source) for address, source in rows)
