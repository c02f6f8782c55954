"""Questions from JSON-lines files in the FlashRAG format: ``{"id", "question", "golden_answers", "metadata"?}``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mem1.storage.rows import Row, read_rows
from mem1.tasks.base import Split
from mem1.types import Objective

_MEND = 'each line is {"id": "test_0", "question": "...", "golden_answers": ["..."]}'


class QaFiles:
    """One dataset: a file (plain or ``.gz``) for each split it has. Files are read when first asked for."""

    def __init__(self, name: str, files: Mapping[Split, Path]) -> None:
        self._name = name
        self._files = dict(files)
        self._read: dict[Split, tuple[Objective, ...]] = {}

    @property
    def name(self) -> str:
        """Recorded in every objective, and the first part of its id."""
        return self._name

    def objectives(self, split: Split) -> Sequence[Objective]:
        """The rows of the split's file, in its order; none where the dataset has no such split."""
        if split not in self._files:
            return ()
        if split not in self._read:
            self._read[split] = read_objectives(self._files[split], self._name)
        return self._read[split]


def read_objectives(path: Path, source: str) -> tuple[Objective, ...]:
    """All rows of a file as objectives with ids ``source/row id``.

    Raises ``DataError`` naming the file, the line and the field. An empty file is an error, and so are
    an id that is used twice, a blank question and a list of answers without a text in it.
    """
    rows = read_rows(path, what="the file of questions", mend=_MEND)
    return tuple(_objective(row, source) for row in rows)


def _objective(row: Row, source: str) -> Objective:
    question = row.text("question").strip()
    if not question:
        raise row.error("'question' is blank")
    return Objective(
        id=f"{source}/{row.id()}",
        question=question,
        answers=_answers(row),
        source=source,
        metadata=_metadata(row),
    )


def _answers(row: Row) -> tuple[str, ...]:
    value = row.values.get("golden_answers")
    if not isinstance(value, list) or not all(isinstance(answer, str) for answer in value):
        raise row.error(f"'golden_answers' must be a list of texts, got {str(value)[:80]!r}")
    if not any(answer.strip() for answer in value):
        raise row.error("'golden_answers' holds no text")
    return tuple(value)


def _metadata(row: Row) -> dict[str, Any]:
    value = row.values.get("metadata") or {}
    if not isinstance(value, dict):
        raise row.error(f"'metadata' must be an object, got {str(value)[:80]!r}")
    return value
