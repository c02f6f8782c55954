"""Questions from JSON-lines files in the FlashRAG format: ``{"id", "question", "golden_answers", "metadata"?}``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mem1.retrieval.base import Passage
from mem1.storage.rows import read_rows
from mem1.tasks.base import Split
from mem1.tasks.files.qa_rows import QaRows, read_qa
from mem1.types import Objective

_HINT = 'each line is {"id": "test_0", "question": "...", "golden_answers": ["..."]}'


class QaSource:
    """A dataset that is read split by split, each when it is first asked for."""

    def __init__(
        self, name: str, splits: Mapping[Split, Callable[[], QaRows]], files: Mapping[Split, Path] | None = None
    ) -> None:
        self._name = name
        self._splits = dict(splits)
        self._files = dict(files or {})
        self._read: dict[Split, QaRows] = {}

    @property
    def name(self) -> str:
        """Recorded in every objective, and the first part of its id."""
        return self._name

    def objectives(self, split: Split) -> Sequence[Objective]:
        """The rows of the split, in their order; none where the dataset has no such split."""
        return self._rows(split).objectives

    @property
    def present(self) -> Sequence[Split]:
        """The splits that there are; one whose file is missing is none."""
        return [split for split in self._splits if split not in self._files or self._files[split].exists()]

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The paragraphs that rows of any split carry (HotpotQA's distractor setting), each once.

        A title that has several texts is numbered in the passages' ids.
        """
        found = dict.fromkeys(pair for split in self._splits for pair in self._rows(split).paragraphs)
        seen: dict[str, int] = {}
        passages = []
        for title, text in found:
            seen[title] = seen.get(title, 0) + 1
            again = f"#{seen[title]}" if seen[title] > 1 else ""
            passages.append(Passage(id=f"{self._name}/{title}{again}", title=title, text=text))
        return tuple(passages)

    def _rows(self, split: Split) -> QaRows:
        if split not in self._splits:
            return QaRows((), ())
        if split not in self._read:
            self._read[split] = self._splits[split]()
        return self._read[split]


class QaFiles(QaSource):
    """One dataset: a file (plain or ``.gz``) for each split it has."""

    def __init__(self, name: str, files: Mapping[Split, Path]) -> None:
        super().__init__(name, {split: _reader(path, name) for split, path in files.items()}, files)


def read_objectives(path: Path, source: str) -> tuple[Objective, ...]:
    """All rows of a file as objectives. Raises ``DataError`` as ``read_qa`` does, and for an empty file."""
    return _reader(path, source)().objectives


def _reader(path: Path, source: str) -> Callable[[], QaRows]:
    return lambda: read_qa(read_rows(path, what="the file of questions", hint=_HINT), source)
