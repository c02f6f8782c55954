"""What was found, kept in SQLite: so that it is not asked for twice, or so that an evaluation can be replayed.

A recording holds the outcome of every request, failures too: replayed, an evaluation sees the same, byte for byte.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from mem1.config import Config
from mem1.errors import StorageError
from mem1.http.errors import HttpError
from mem1.shipped import ASSETS

Mode = Literal["off", "use", "record", "replay"]
_VERSION = 1
_APPLICATION = 0x6D656D31  # "mem1"
_SHIPPED = "builtin:"


class NotRecordedError(HttpError):
    """A replay was asked for something that its recording does not hold."""


class CacheConfig(Config):
    """``mode``: ``off``; ``use`` (what was found within ``days`` is not asked for again, failures are); ``record``
    (what is not in ``file`` yet is asked for and kept, failures too); ``replay`` (only what is in ``file``: nobody is
    asked).

    ``file`` is a path, or ``builtin:`` and the name of a recording that comes with the program.
    """

    mode: Mode = "off"
    file: str | None = None
    days: float = Field(default=30.0, gt=0)

    @model_validator(mode="after")
    def _has_a_file(self) -> CacheConfig:
        if self.mode != "off" and not self.file:
            raise ValueError(f"mode {self.mode!r} needs a file: set file too")
        if self.file and self.file.startswith(_SHIPPED) and self.mode != "replay":
            raise ValueError("a recording that comes with the program can only be replayed")
        return self

    @property
    def path(self) -> Path:
        """Where it lies."""
        assert self.file is not None
        name = self.file.removeprefix(_SHIPPED)
        return ASSETS / "web" / f"{name}.sqlite" if name != self.file else Path(self.file)


class Cache:
    """Outcomes by what was asked. Opened anew where there is none; a replay never writes.

    Raises ``StorageError`` where the file is missing (replay), damaged, or something else.
    """

    def __init__(self, config: CacheConfig, *, clock: Callable[[], float] = time.time) -> None:
        self.mode = config.mode
        self.path, self._days, self._clock = config.path, config.days, clock
        self._lock = threading.Lock()
        replaying = config.mode == "replay"
        if replaying and not self.path.is_file():
            raise StorageError(
                "there is no recording to replay", where=str(self.path), hint="record it first: cache.mode"
            )
        with self._errors("open"):
            if replaying:
                address = f"{self.path.resolve().as_uri()}?mode=ro"
            else:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                address = f"{self.path.resolve().as_uri()}?mode=rwc"
            self._base = sqlite3.connect(address, uri=True, timeout=30.0, check_same_thread=False, isolation_level=None)
        try:
            with self._errors("open"):
                self._prepare(replaying)
        except BaseException:
            self._base.close()
            raise

    def get(self, kind: str, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        """What came of it, as far as it counts in this mode; ``None`` where it has to be asked for.

        Raises ``NotRecordedError`` in a replay, where nobody is asked.
        """
        text = _canonical(asked)
        with self._lock, self._errors("read"):
            row = self._base.execute(
                "SELECT outcome, failed, at FROM outcomes WHERE key = ?", (_key(kind, text),)
            ).fetchone()
        if row is not None and self.mode == "use" and (row[1] or row[2] < self._clock() - self._days * 86400):
            row = None
        if row is not None:
            with self._errors("read"):
                found: dict[str, Any] = json.loads(row[0])
            return found
        if self.mode == "replay":
            raise NotRecordedError(
                f"the recording does not hold this {kind}: {text[:200]}",
                where=str(self.path),
                hint="replay the evaluation that was recorded, with the same model and recipe, or record it anew",
            )
        return None

    def put(self, kind: str, asked: Mapping[str, Any], outcome: Mapping[str, Any], *, failed: bool) -> dict[str, Any]:
        """Keep ``outcome``; returns what is kept now: in a recording the first stands, also another process's."""
        text, values = _canonical(asked), _canonical(outcome)
        verb = "INSERT OR IGNORE" if self.mode == "record" else "INSERT OR REPLACE"
        key = _key(kind, text)
        with self._lock, self._errors("write"):
            self._base.execute(
                f"{verb} INTO outcomes (key, kind, asked, outcome, failed, at) VALUES (?, ?, ?, ?, ?, ?)",
                (key, kind, text, values, int(failed), self._clock()),
            )
            row = self._base.execute("SELECT outcome FROM outcomes WHERE key = ?", (key,)).fetchone()
            found: dict[str, Any] = json.loads(row[0])
        return found

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def _prepare(self, replaying: bool) -> None:
        application, version = (
            self._base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        tables = [row[0] for row in self._base.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        if not tables and not replaying:
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS outcomes (key TEXT PRIMARY KEY, kind TEXT NOT NULL, asked TEXT NOT NULL, "
                "outcome TEXT NOT NULL, failed INTEGER NOT NULL, at REAL NOT NULL) WITHOUT ROWID"
            )
            self._base.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._base.execute(f"PRAGMA user_version = {_VERSION}")
        elif (application, version) != (_APPLICATION, _VERSION):
            raise StorageError(
                "the file is no recording of this version", where=str(self.path), hint="name another file: cache.file"
            )

    @contextmanager
    def _errors(self, verb: str) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError, ValueError) as error:
            raise StorageError(
                f"cannot {verb} the recording: {error}",
                where=str(self.path),
                hint="see that the disk has room and that the file is one of ours; a damaged one can be deleted",
            ) from error


def _canonical(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _key(kind: str, asked: str) -> str:
    return hashlib.sha256(f"{kind}\n{asked}".encode()).hexdigest()
