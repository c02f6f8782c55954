"""Scores of toy trainings, step by step: kept so that none is run twice, and compared seed by seed. No torch."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError
from mem1.evaluation.statistics.student import student_quantile
from mem1.storage.atomic import write_atomic

WINDOW = 5  # steps that a score is a mean of: single steps of a few episodes jump
LAST = 20


class Kept:
    """What runs gave, in a JSON file: a list of ``{"run": what was run, "found": its numbers}``.

    A run is known by everything that it depends on, so that one of other settings is another run. The file is written
    anew, at once or not at all, after each; without a ``file`` nothing is kept. Raises ``ConfigError`` if the file
    holds anything else.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._done: list[dict[str, Any]] = []
        if file is not None and file.exists():
            try:
                self._done = [{"run": one["run"], "found": one["found"]} for one in json.loads(file.read_bytes())]
            except (ValueError, TypeError, KeyError) as error:
                raise ConfigError(
                    f"not what this benchmark keeps: {error!r}", where=str(file), hint="give --run another folder"
                ) from error

    def get(self, run: Mapping[str, Any], make: Callable[[], Sequence[float]]) -> list[float]:
        """The numbers of ``run``, made only if it is not there."""
        key = json.loads(json.dumps(run))  # as it is read back: tuples are lists
        for one in self._done:
            if one["run"] == key:
                return list(one["found"])
        found = list(make())
        self._done.append({"run": key, "found": found})
        if self._file is not None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(self._file, (json.dumps(self._done, indent=1) + "\n").encode())
        return found


def first_at(scores: Sequence[float], share: float) -> int | None:
    """The first step, from 1, at which the mean of the last ``WINDOW`` is ``share`` or more; ``None``: never."""
    for end in range(WINDOW, len(scores) + 1):
        if statistics.mean(scores[end - WINDOW : end]) >= share:
            return end
    return None


def at_the_end(scores: Sequence[float]) -> float:
    """The mean of the last ``LAST`` steps."""
    return statistics.mean(scores[-LAST:])


def interval(values: Sequence[float], digits: int = 3) -> str:
    """A mean over seeds with Student's 95 % interval; one seed has none."""
    mean = statistics.mean(values)
    if len(values) < 2:
        return f"{mean:.{digits}f} (1 seed)"
    half = student_quantile(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return f"{mean:.{digits}f} ({mean - half:.{digits}f} to {mean + half:.{digits}f}, {len(values)} seeds)"


def differences(one: Sequence[float | None], other: Sequence[float | None]) -> list[float]:
    """``one`` less ``other``, seed by seed, where both have a number."""
    return [a - b for a, b in zip(one, other, strict=True) if a is not None and b is not None]


def versus(one: Sequence[float | None], other: Sequence[float | None], digits: int = 3) -> str:
    """The mean of ``differences`` with its interval, and in how many seeds one of the two has no number."""
    found = differences(one, other)
    if not found:
        return "no seed in which both got there"
    missing = len(one) - len(found)
    return interval(found, digits) + (f"; not in {missing} of {len(one)}, where one never got there" if missing else "")


def listed(values: Sequence[float | None], digits: int = 3) -> str:
    """Seed by seed; ``never`` where there is no number."""
    return ", ".join("never" if value is None else f"{value:.{digits}f}" for value in values)
