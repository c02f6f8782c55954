"""What there is to do: objectives, composed into tasks."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from mem1.types.record import Record


class Composition(StrEnum):
    """How objectives become one task (method section 4)."""

    PARALLEL = "parallel"
    SEQUENTIAL = "sequential"
    CHAINED = "chained"
    MIXED = "mixed"
    DELAYED = "delayed"


class Objective(Record):
    """One question with its accepted answers.

    ``question`` is what the agent reads. In a chained task it may speak of "the previous answer";
    ``standalone`` is then the same question with the name filled in (for experts and reports).
    """

    id: str
    question: str
    answers: tuple[str, ...] = Field(min_length=1)
    source: str
    standalone: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


class Task(Record):
    """Objectives composed into one thing to do.

    ``reveal`` is ``"upfront"`` when the prompt lists every question and one final answer is due
    (answers split by ``;``), and ``"one_by_one"`` when the next question is shown only after the
    previous one is answered, so that the prompt does not grow with the number of objectives.
    """

    id: str
    composition: Composition
    reveal: Literal["upfront", "one_by_one"]
    split: str
    objectives: tuple[Objective, ...] = Field(min_length=1)

    @property
    def size(self) -> int:
        """Number of objectives."""
        return len(self.objectives)

    @property
    def first(self) -> int:
        """The number of the first objective; the others follow."""
        number = self.objectives[0].metadata.get("number", 1)
        return number if isinstance(number, int) else 1

    @property
    def content(self) -> str:
        """The same for tasks that ask the same: the id, less the ``~2`` that tells the second from the first."""
        return self.id.partition("~")[0]
