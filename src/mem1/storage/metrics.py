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
    """Appends ``{"step": n, name: value, ...}`` lines: numbers, texts and flat lists of them.

    NaN and infinity become null: JSON has neither, and a metric that is not known is no reason to stop a run.
    """

    def __init__(self, path: Path) -> None:
        self._lines = LineWriter(path)

    def write(self, step: int, values: Mapping[str, Any]) -> None:
        """Append one line. Raises ``StorageError``, also for what ``read_metrics`` would not read."""
        line = {"step": step, **{name: _finite(value) for name, value in values.items()}}
        wrong = _wrong(line)
        try:
            text = json.dumps(line, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, TypeError, RecursionError) as error:
            wrong = wrong or str(error)
        if wrong:
            raise StorageError(
                f"metrics of step {step} cannot be written so that they could be read back: {wrong}",
                where=str(self._lines.path),
                hint="nothing was written; give numbers, texts or flat lists of them",
            )
        self._lines.write(text)

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
        except (ValueError, RecursionError) as error:
            raise _bad(path, number, str(error)) from error
        wrong = _wrong(row)
        if wrong:
            raise _bad(path, number, wrong)
        yield row


def _wrong(row: Any) -> str | None:
    """What is wrong with a line's content: reports draw its numbers, which must be such."""
    if not isinstance(row, dict) or not _is_step(row.get("step")):
        return "no object with a step"
    for name, value in row.items():
        parts = value if isinstance(value, list) else [value]
        if not all(part is None or isinstance(part, str) or _is_number(part) for part in parts):
            return f"{name!r} is no finite number"
    return None


def _is_step(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53


def _is_number(value: Any) -> bool:
    if isinstance(value, int):
        return not isinstance(value, bool) and abs(value) < 1 << 1000
    return isinstance(value, float) and math.isfinite(value)


def _finite(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _bad(path: Path, number: int, why: str) -> StorageError:
    return StorageError(f"not a line of metrics: {why}", where=f"{path}, line {number}", hint="remove the line")
