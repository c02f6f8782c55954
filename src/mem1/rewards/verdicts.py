"""Verdicts that were paid for once, kept on disk."""

from __future__ import annotations

import hashlib
import json
import threading
from pathlib import Path

from mem1.errors import StorageError
from mem1.storage.json_lines import LineWriter, read_lines


class Verdicts:
    """A file of JSON lines, one verdict each; without a path they are kept in memory only. Thread-safe.

    Raises ``StorageError`` for a file that holds something else.
    """

    def __init__(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, bool] = {}
        self._lines: LineWriter | None = None
        if path is None:
            return
        if path.is_file():
            for number, line in enumerate(read_lines(path), start=1):
                key, correct = _entry(line.text, path, number)
                self._known[key] = correct
        self._lines = LineWriter(path)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> bool | None:
        """The verdict under ``key``, if there is one."""
        return self._known.get(key)

    def put(self, key: str, correct: bool, **about: str) -> None:
        """Keep a verdict; ``about`` is written beside it for people. Raises ``StorageError``."""
        with self._lock:
            if key in self._known:
                return
            if self._lines is not None:
                self._lines.write(json.dumps({"key": key, "correct": correct, **about}).encode("ascii"))
            self._known[key] = correct


def verdict_key(*parts: object) -> str:
    """A name for what was judged: the same on every machine."""
    return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()


def _entry(text: bytes, path: Path, number: int) -> tuple[str, bool]:
    try:
        row = json.loads(text)
        key, correct = row["key"], row["correct"]
        if isinstance(key, str) and isinstance(correct, bool):
            return key, correct
    except (ValueError, KeyError, TypeError):
        pass
    raise StorageError(
        "a line that is no verdict", where=f"{path}, line {number}", hint="give another file as scorer.judge.cache"
    )
