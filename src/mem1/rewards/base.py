"""What a scorer is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from mem1.types import Score, Task


@runtime_checkable
class Scorer(Protocol):
    """A pure function from a task and its answers to a score per objective."""

    @property
    def name(self) -> str:
        """Recorded with every score."""

    def __call__(self, task: Task, answers: Sequence[str | None], *, extra_answers: int = 0) -> Score:
        """Score ``answers`` (one per objective, ``None`` where missing)."""
