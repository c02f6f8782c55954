"""All episodes of a run as a table that answers questions fast, kept up while the run is being written.

It is read from the indexes beside the episode files into a temporary database of this process (SQLite puts it on the
disk and deletes it at the end), so nothing in the run directory can be out of date, locked or damaged by a reader.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from threading import RLock

from pydantic import TypeAdapter

from mem1.errors import StorageError
from mem1.report.viewer.filter import Filter
from mem1.storage.atomic import storage_errors
from mem1.storage.episode_index import EpisodeEntry, IndexLine, IndexReader, Said, read_episode, said_in
from mem1.storage.run_dir import RunDir

_COLUMNS = tuple(EpisodeEntry.model_fields)
_BATCH = 1000  # rows inserted at once
_SHOWN = 160  # characters of a question
_MEMBERS = 64  # of a group, shown under its head
_SAID = TypeAdapter(tuple[Said, ...])
_KEPT_IN_MEMORY = 32  # MiB of the database
_TABLES = f"""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -{_KEPT_IN_MEMORY * 1024};
CREATE TABLE episodes (
    n INTEGER PRIMARY KEY, label, question, said, {", ".join(_COLUMNS)}, UNIQUE (label, id) ON CONFLICT REPLACE
);
CREATE TABLE words (n INTEGER PRIMARY KEY, text);
CREATE INDEX tasks ON episodes (task_id);
CREATE INDEX groups ON episodes (label, group_id);
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """An episode in the list: ``n`` counts episodes as they were read, ``label`` names their file.

    ``said``: its first objectives; ``None`` where the index did not say and nobody has looked yet.
    """

    n: int
    label: str
    question: str
    said: tuple[Said, ...] | None
    entry: EpisodeEntry


@dataclass(frozen=True, slots=True)
class Group:
    """Episodes of one group that a filter finds, in its order. Means are over those that are known."""

    label: str
    id: str
    members: tuple[Listed, ...]
    met: float | None
    least: float | None
    most: float | None
    reward: float | None


@dataclass(frozen=True, slots=True)
class Choice:
    """A value that a filter can have, and how many episodes have it."""

    value: str
    count: int


class Catalogue:
    """The episodes of ``run``. Of two with the same id in one file, the later one counts: the first was run anew.

    Safe to use from several threads; each method sees everything that was written before ``refresh``.
    """

    def __init__(self, run: RunDir) -> None:
        self._run = run
        self._lock = RLock()
        self._readers: dict[str, IndexReader] = {}
        self._stamps: dict[str, tuple[int, int]] = {}
        self._database = sqlite3.connect("", check_same_thread=False, isolation_level=None)
        self._database.executescript(_TABLES)
        self._next = 1
        self._choices: dict[str, list[Choice]] | None = None
        self.problems: dict[str, str] = {}

    def refresh(self) -> None:
        """Take in what was written since; start a file over that was cut back or replaced.

        What cannot be read is left out and told of in ``problems``, by label.
        """
        with self._lock:
            files = self._run.episode_files()
            for label in [label for label in self._readers if label not in files]:
                self._forget(label)
            for label, path in files.items():
                stamp = _stamp(path)
                if self._stamps.get(label) == stamp:
                    continue
                if label in self._readers and not self._readers[label].stands():
                    self._forget(label)
                self._take(label, self._readers.setdefault(label, IndexReader(path)))
                self._stamps[label] = stamp

    def page(self, chosen: Filter, size: int) -> tuple[list[Listed], int]:
        """One page of what a filter finds, and how many it finds in all."""
        where, values = chosen.condition()
        with self._lock:
            total = self._count(chosen)
            rows = self._select(
                f"FROM {_from(chosen)} WHERE {where} ORDER BY {chosen.sorting()} LIMIT ? OFFSET ?",
                [*values, size, min(chosen.page, max(0, total - 1) // size) * size],
            )
            return [self._with_said(one) for one in rows], total

    def count(self, chosen: Filter) -> int:
        """How many episodes a filter finds."""
        with self._lock:
            return self._count(chosen)

    def _count(self, chosen: Filter) -> int:
        where, values = chosen.condition()
        query = f"SELECT count(*) FROM {_from(chosen)} WHERE {where}"
        (total,) = self._database.execute(query, values).fetchone()
        return int(total)

    def groups(self, chosen: Filter, size: int) -> tuple[list[Group], int]:
        """One page of the groups that a filter finds any episode of, and how many there are in all."""
        where, values = chosen.condition()
        source = f"FROM {_from(chosen)} WHERE {where}"
        with self._lock:
            (total,) = self._database.execute(
                f"SELECT count(*) FROM (SELECT 1 {source} GROUP BY label, group_id)", values
            ).fetchone()
            heads = self._database.execute(
                f"SELECT label, group_id, avg(met), min(met), max(met), avg(reward) {source} "
                f"GROUP BY label, group_id ORDER BY {chosen.sorting_groups()} LIMIT ? OFFSET ?",
                [*values, size, min(chosen.page, max(0, total - 1) // size) * size],
            ).fetchall()
            found = []
            for label, id, *numbers in heads:
                rest = f"{source} AND label = ? AND group_id = ? ORDER BY {chosen.sorting()} LIMIT {_MEMBERS}"
                members = [self._with_said(one) for one in self._select(rest, [*values, label, id])]
                found.append(Group(label, id, tuple(members), *numbers))
        return found, total

    def find(self, label: str, id: str) -> Listed | None:
        """One episode."""
        with self._lock:
            return next(iter(self._select("FROM episodes WHERE label = ? AND id = ?", [label, id])), None)

    def neighbours(self, chosen: Filter, listed: Listed) -> tuple[Listed | None, Listed | None]:
        """What stands before and after an episode in the list that a filter gives."""
        where, values = chosen.condition()
        over = f"OVER (ORDER BY {chosen.sorting()})"
        query = f"SELECT n, lag(n) {over} AS before, lead(n) {over} AS after FROM {_from(chosen)} WHERE {where}"
        with self._lock:
            found = self._database.execute(
                f"SELECT before, after FROM ({query}) WHERE n = ?", [*values, listed.n]
            ).fetchone()
            before, after = found or (None, None)
            return self._number(before), self._number(after)

    def same_task(self, listed: Listed, limit: int = 40) -> list[Listed]:
        """Other episodes of the same task: those of its own file first, other strategies before the same one."""
        entry = listed.entry
        with self._lock:
            return self._select(
                "FROM episodes WHERE task_id = ? AND n != ? "
                "ORDER BY label != ?, strategy = ?, group_id != ?, composition != ?, strategy, n LIMIT ?",
                [entry.task_id, listed.n, listed.label, entry.strategy, entry.group_id, entry.composition, limit],
            )

    def choices(self) -> dict[str, list[Choice]]:
        """The values that occur, by field of the filter."""
        with self._lock:
            if self._choices is None:
                self._choices = {name: self._counted(name) for name in ("label", "strategy", "composition", "stop")}
                self._choices["objectives"] = self._counted("objectives")
            return self._choices

    @property
    def size(self) -> int:
        """How many episodes there are."""
        with self._lock:
            return int(self._database.execute("SELECT count(*) FROM episodes").fetchone()[0])

    @property
    def learnt_from(self) -> bool:
        """Whether any episode has an advantage."""
        with self._lock:
            found = self._database.execute("SELECT 1 FROM episodes WHERE advantage IS NOT NULL LIMIT 1").fetchone()
            return found is not None

    def close(self) -> None:
        """Delete the database."""
        with self._lock:
            self._database.close()

    def _take(self, label: str, reader: IndexReader) -> None:
        self._choices = None
        self.problems.pop(label, None)
        entries = reader.read()
        self._database.execute("BEGIN")
        while label not in self.problems:
            some: list[IndexLine] = []
            try:
                for line in islice(entries, _BATCH):  # what came before an error counts
                    some.append(line)
            except StorageError as error:
                self.problems[label] = str(error)
            if not some:
                break
            self._insert(label, some)
        self._database.execute("COMMIT")

    def _insert(self, label: str, lines: list[IndexLine]) -> None:
        numbered = list(enumerate(lines, start=self._next))
        rows = [
            (n, label, _question(line), _packed(line.said), *map(line.__getattribute__, _COLUMNS))
            for n, line in numbered
        ]
        self._database.executemany(f"INSERT INTO episodes VALUES ({', '.join('?' * len(rows[0]))})", rows)
        self._database.executemany("INSERT INTO words VALUES (?, ?)", [(n, _words(line)) for n, line in numbered])
        self._next += len(lines)

    def _forget(self, label: str) -> None:
        self._database.execute("DELETE FROM words WHERE n IN (SELECT n FROM episodes WHERE label = ?)", [label])
        self._database.execute("DELETE FROM episodes WHERE label = ?", [label])
        self._choices = None
        self.problems.pop(label, None)
        del self._readers[label]
        self._stamps.pop(label, None)

    def _number(self, n: int | None) -> Listed | None:
        return next(iter(self._select("FROM episodes WHERE n = ?", [n])), None) if n is not None else None

    def _select(self, rest: str, values: list[object]) -> list[Listed]:
        found = self._database.execute(f"SELECT n, label, question, said, {', '.join(_COLUMNS)} {rest}", values)
        return [
            Listed(n, label, question, _unpacked(said), EpisodeEntry(**dict(zip(_COLUMNS, row, strict=True))))
            for n, label, question, said, *row in found
        ]

    def _with_said(self, listed: Listed) -> Listed:
        """With what an older index does not say, read from the episode and remembered."""
        path = self._run.episode_files().get(listed.label) if listed.said is None else None
        if path is None:
            return listed
        said: tuple[Said, ...] = ()
        with suppress(StorageError):
            said = said_in(read_episode(path, listed.entry))
        self._database.execute("UPDATE episodes SET said = ? WHERE n = ?", [_packed(said), listed.n])
        return replace(listed, said=said)

    def _counted(self, column: str) -> list[Choice]:
        found = self._database.execute(f"SELECT {column}, count(*) FROM episodes GROUP BY 1 ORDER BY 1")
        return [Choice(str(value), count) for value, count in found]


def _from(chosen: Filter) -> str:
    return "episodes JOIN words USING (n)" if chosen.words else "episodes"


def _question(line: IndexLine) -> str:
    """The beginning of the first question."""
    return line.text.partition("\n")[0][:_SHOWN]


def _packed(said: tuple[Said, ...] | None) -> bytes | None:
    return None if said is None else _SAID.dump_json(said)


def _unpacked(said: bytes | None) -> tuple[Said, ...] | None:
    return None if said is None else _SAID.validate_json(said)


def _words(line: IndexLine) -> str:
    """What a search looks through. SQLite ends a text at a NUL."""
    return f"{line.id}\n{line.task_id}\n{line.text}".casefold().replace("\0", " ")


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of change of an episode file: when they are the same, there is nothing new."""
    with storage_errors(f"read {path.name}", path):
        found = path.stat()
    return found.st_size, found.st_mtime_ns
