"""Metrics on disk: JSON lines, one a step."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from mem1.errors import StorageError
from mem1.storage.json_lines import LineWriter, read_lines


class MetricsWriter:
    """Appends ``{"step": n, name: value, ...}`` lines. NaN and infinity become null: JSON has neither."""

    def __init__(self, path: Path) -> None:
        self._lines = LineWriter(path)

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Append one line. Raises ``StorageError``."""
        line = {"step": step, **{name: _finite(value) for name, value in values.items()}}
        self._lines.write(json.dumps(line, ensure_ascii=False, allow_nan=False).encode())

    def close(self) -> None:
        """Close the file."""
        self._lines.close()

    def __enter__(self) -> MetricsWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_metrics(path: Path) -> Iterator[dict[str, Any]]:
    """All whole lines, in the order written. Raises ``StorageError`` naming a bad line."""
    for number, line in enumerate(read_lines(path), start=1):
        try:
            row = json.loads(line.text)
        except ValueError as error:
            raise _bad(path, number, str(error)) from error
        if not isinstance(row, dict) or not isinstance(row.get("step"), int):
            raise _bad(path, number, "no object with a step")
        yield row


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _bad(path: Path, number: int, why: str) -> StorageError:
    return StorageError(f"not a line of metrics: {why}", where=f"{path}, line {number}", hint="remove the line")
