"""A session on disk: one SQLite file in a folder of its own. What was committed outlasts a kill and a power cut."""

from __future__ import annotations

import json
import sqlite3
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from mem1.errors import StorageError
from mem1.run.disk.records import Call, Status, StoredTurn, TaskRecord
from mem1.tools.fulltext import TABLES
from mem1.types import Observation, SideCall, Turn

FILE = "session.db"
_VERSION = "1"
_SCHEMA = (
    TABLES
    + """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS tasks (number INTEGER PRIMARY KEY, status TEXT NOT NULL, record TEXT NOT NULL,
  added REAL NOT NULL);
CREATE TABLE IF NOT EXISTS turns (task INTEGER, n INTEGER, turn BLOB NOT NULL, observation BLOB,
  PRIMARY KEY (task, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS side_calls (id INTEGER PRIMARY KEY, task INTEGER, call BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS calls (task INTEGER, n INTEGER, name TEXT, arguments TEXT, changes INTEGER, done INTEGER,
  PRIMARY KEY (task, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS blocks (id INTEGER PRIMARY KEY, task INTEGER, address TEXT, turn INTEGER, source TEXT,
  length INTEGER, digest TEXT, UNIQUE (task, address));
CREATE INDEX IF NOT EXISTS blocks_by_digest ON blocks (task, digest);
"""
)


class SessionStore:
    """The session in ``folder``, made if there is none.

    Every method commits before it returns. Raises ``StorageError`` where the file cannot be read or written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with _errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(folder / FILE, timeout=30.0, isolation_level=None)
            self.db.execute("PRAGMA journal_mode=WAL")
            self.db.execute("PRAGMA synchronous=FULL")
            self.db.executescript(_SCHEMA)
            version = self.db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
            if version is None:
                self.db.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", (_VERSION,))
            elif version[0] != _VERSION:
                raise StorageError(
                    f"the session is of version {version[0]}, this program knows {_VERSION}",
                    where=str(folder),
                    hint="go on with the program that wrote it, or begin another session",
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All that is done in the block, or nothing of it. May be entered again inside."""
        if self.db.in_transaction:
            yield self.db
            return
        with _errors(self.folder):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
            except BaseException:
                self.db.execute("ROLLBACK")
                raise
            self.db.execute("COMMIT")

    # ------------------------------------------------------------ tasks

    def add_task(self, text: str) -> TaskRecord:
        """Queue a task."""
        with self.transaction() as db:
            number = db.execute("SELECT COALESCE(MAX(number), 0) + 1 FROM tasks").fetchone()[0]
            record = TaskRecord(number=number, text=text)
            db.execute(
                "INSERT INTO tasks VALUES (?, ?, ?, ?)",
                (number, record.status.value, record.model_dump_json(), time.time()),
            )
        return record

    def tasks(self) -> list[TaskRecord]:
        """All of them, in order."""
        with _errors(self.folder):
            rows = self.db.execute("SELECT record FROM tasks ORDER BY number").fetchall()
        return [TaskRecord.model_validate_json(row[0]) for row in rows]

    def task(self, number: int) -> TaskRecord | None:
        """Task ``number``, ``None`` where there is none."""
        with _errors(self.folder):
            row = self.db.execute("SELECT record FROM tasks WHERE number = ?", (number,)).fetchone()
        return None if row is None else TaskRecord.model_validate_json(row[0])

    def save_task(self, task: TaskRecord) -> TaskRecord:
        """Keep how far a task is."""
        with self.transaction() as db:
            db.execute(
                "UPDATE tasks SET status = ?, record = ? WHERE number = ?",
                (task.status.value, task.model_dump_json(), task.number),
            )
        return task

    def open_tasks(self) -> list[TaskRecord]:
        """Those that are not over: begun ones first."""
        found = [task for task in self.tasks() if not task.status.over]
        return sorted(found, key=lambda task: (task.status is not Status.RUNNING, task.number))

    # ------------------------------------------------------------ turns

    def add_turn(self, task: TaskRecord, turn: Turn, side_calls: tuple[SideCall, ...]) -> None:
        """A turn was taken; what it does is still due."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO turns VALUES (?, ?, ?, NULL)", (task.number, turn.index, _packed(turn.model_dump_json()))
            )
            for call in side_calls:
                db.execute(
                    "INSERT INTO side_calls (task, call) VALUES (?, ?)",
                    (task.number, _packed(call.model_dump_json())),
                )
            self.save_task(task)

    def set_observation(self, task: int, n: int, observation: Observation) -> None:
        """What came of turn ``n``."""
        with self.transaction() as db:
            db.execute(
                "UPDATE turns SET observation = ? WHERE task = ? AND n = ?",
                (_packed(observation.model_dump_json()), task, n),
            )
            db.execute("UPDATE calls SET done = 1 WHERE task = ? AND n = ?", (task, n))

    def turns(self, task: int, *, last: int | None = None) -> Iterator[StoredTurn]:
        """The turns of a task in order; only the ``last`` ones where that is given."""
        count = self.db.execute("SELECT COALESCE(MAX(n) + 1, 0) FROM turns WHERE task = ?", (task,)).fetchone()[0]
        first = 0 if last is None else max(0, count - last)
        rows = self.db.execute(
            "SELECT turn, observation FROM turns WHERE task = ? AND n >= ? ORDER BY n", (task, first)
        )
        for turn, observation in rows:
            yield StoredTurn(
                turn=Turn.model_validate_json(_unpacked(turn)),
                observation=None if observation is None else Observation.model_validate_json(_unpacked(observation)),
            )

    def side_calls(self, task: int) -> Iterator[SideCall]:
        """The side calls of a task in order."""
        for row in self.db.execute("SELECT call FROM side_calls WHERE task = ? ORDER BY id", (task,)):
            yield SideCall.model_validate_json(_unpacked(row[0]))

    # ------------------------------------------------------------ calls

    def begin_call(self, task: int, n: int, name: str, arguments: dict[str, Any], changes: bool) -> None:
        """Mark that the call of turn ``n`` is about to be made: on disk before anything happens outside."""
        with self.transaction() as db:
            db.execute(
                "INSERT INTO calls VALUES (?, ?, ?, ?, ?, 0)", (task, n, name, json.dumps(arguments), int(changes))
            )

    def call(self, task: int, n: int) -> Call | None:
        """The call of turn ``n``, if it was begun."""
        row = self.db.execute(
            "SELECT name, arguments, changes, done FROM calls WHERE task = ? AND n = ?", (task, n)
        ).fetchone()
        if row is None:
            return None
        return Call(name=row[0], arguments=json.loads(row[1]), changes=bool(row[2]), done=bool(row[3]))


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode(), 1)


def _unpacked(data: bytes) -> str:
    return zlib.decompress(data).decode()


@contextmanager
def _errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, OSError, zlib.error) as error:
        raise StorageError(
            f"cannot read or write the session: {error}",
            where=str(folder),
            hint="check the disk and that the folder is yours; what was kept before is intact",
        ) from error
