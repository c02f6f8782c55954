"""Tasks as Search-R1's and MEM1's Parquet files: read theirs, and write ours so that their trainers can read them.

Columns: ``data_source``, ``prompt`` (a list with one user message), ``ability``, ``reward_model`` with
``ground_truth.target``, ``extra_info``. ``target`` is a list of accepted answers for each question (MEM1), or one such
list where all tasks have one question (Search-R1).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError, DataError, boundary
from mem1.storage.atomic import write_atomic
from mem1.storage.rows import Row
from mem1.tasks.base import Split
from mem1.tasks.compose import make_task
from mem1.types import Composition, Objective, Task

OURS = "mem1_task"
"""The key of ``extra_info`` under which a task that we wrote stands whole."""

_HINT = "a row has data_source, prompt, and reward_model.ground_truth.target (a list of answers for each question)"
_BATCH = 1024
# Published prompts end in "Question: ..." or "... the following questions: ...".
_INTRODUCTION = re.compile(r"\bquestions?\b[^:\n]*:", re.IGNORECASE)
_BORDER = re.compile(r"(?<=\?);\s+")


def write_tasks(path: Path, tasks: Sequence[Task], prompt: Callable[[Task], str]) -> None:
    """Write tasks, in their order; ``prompt`` renders what the policy is to read. Raises ``StorageError``."""
    arrow, parquet = _arrow()
    single = all(task.size == 1 for task in tasks)
    rows = []
    for index, task in enumerate(tasks):
        target = [list(objective.answers) for objective in task.objectives]
        rows.append(
            {
                "data_source": "+".join(dict.fromkeys(objective.source for objective in task.objectives)),
                "prompt": [{"role": "user", "content": prompt(task)}],
                "ability": "fact-reasoning",
                "reward_model": {"style": "rule", "ground_truth": {"target": target[0] if single else target}},
                "extra_info": {"index": index, "split": task.split, OURS: task.model_dump_json()},
            }
        )
    table = arrow.Table.from_pylist(rows)
    sink = arrow.BufferOutputStream()
    parquet.write_table(table, sink)
    write_atomic(path, sink.getvalue().to_pybytes())


def read_tasks(path: Path, split: Split) -> list[Task]:
    """All tasks of a file, in its order, as tasks of ``split``.

    Tasks that ``write_tasks`` wrote come back as they were. Of others the questions are taken from a column
    ``question`` or found in the prompt. Raises ``DataError`` naming the row.
    """
    tasks = [_task(row, split, number) for number, row in enumerate(_rows(path))]
    if not tasks:
        raise DataError("the Parquet file has no rows", where=str(path), hint=_HINT)
    return tasks


class ParquetSource:
    """The questions of Parquet files, one after the other, as a source to compose from.

    With ``order = "consecutive"`` and as many objectives as the file's tasks have, the file's own tasks come out.
    """

    def __init__(self, name: str, files: Mapping[Split, Path]) -> None:
        self._name = name
        self._files = dict(files)
        self._read: dict[Split, tuple[Objective, ...]] = {}

    @property
    def name(self) -> str:
        """The dataset's name; objectives bear the name that their row gives."""
        return self._name

    @property
    def present(self) -> Sequence[Split]:
        """The splits whose file is there."""
        return [split for split, path in self._files.items() if path.exists()]

    def objectives(self, split: Split) -> Sequence[Objective]:
        """All questions of the split's file, in its order; none where there is no such file."""
        if split not in self._files:
            return ()
        if split not in self._read:
            tasks = read_tasks(self._files[split], split)
            self._read[split] = tuple(objective for task in tasks for objective in task.objectives)
        return self._read[split]


def _rows(path: Path) -> Iterator[Row]:
    _, parquet = _arrow()
    if not path.is_file():
        raise DataError(f"the Parquet file is missing: {path}", hint="check the path")
    with boundary("cannot read the Parquet file", DataError, hint=f"write {path} again"):
        number = 0
        for batch in parquet.ParquetFile(path).iter_batches(_BATCH):
            for values in batch.to_pylist():
                yield Row(values, f"{path}, row {number}", _HINT)
                number += 1


def _task(row: Row, split: Split, number: int) -> Task:
    extra = row.values.get("extra_info")
    kept = extra.get(OURS) if isinstance(extra, dict) else None
    if kept is not None:
        with boundary(f"'extra_info.{OURS}' is no task", DataError, hint=f"{row.where}: write the file again"):
            return Task.model_validate_json(kept)
    targets = _targets(row)
    source = row.text("data_source")
    objectives = [
        Objective(
            id=f"{source}/{number}.{i}" if len(targets) > 1 else f"{source}/{number}",
            question=question,
            answers=answers,
            source=source,
        )
        for i, (question, answers) in enumerate(zip(_questions(row, len(targets)), targets, strict=True))
    ]
    return make_task(objectives, Composition.PARALLEL, split)


def _targets(row: Row) -> list[tuple[str, ...]]:
    node: Any = row.values
    for key in ("reward_model", "ground_truth", "target"):
        node = node.get(key) if isinstance(node, dict) else None
    if isinstance(node, str):
        node = [node]
    if isinstance(node, list) and node and all(isinstance(answer, str) for answer in node):
        node = [node]
    if not isinstance(node, list) or not node or not all(_are_answers(one) for one in node):
        raise row.error(f"'reward_model.ground_truth.target' must hold answers, got {str(node)[:80]!r}")
    return [tuple(one) for one in node]


def _are_answers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(answer, str) for answer in value)


def _questions(row: Row, count: int) -> list[str]:
    given = row.values.get("question")
    prompt = row.values.get("prompt")
    text = given if isinstance(given, str) else _content(prompt)
    if text is None:
        raise row.error(f"'prompt' must be a list with one message, got {str(prompt)[:80]!r}")
    # Instructions may hold "question:" more than once; the questions stand behind one of them, most often the last.
    starts = [0] if isinstance(given, str) else [found.end() for found in _INTRODUCTION.finditer(text)]
    for start in reversed(starts):
        found = [piece.strip() for piece in _BORDER.split(text[start:].strip().split("\n\n")[0])]
        if len(found) == count and all(found):
            return found
    raise row.error(f"cannot find {count} questions, joined by '; ', in the prompt")


def _content(prompt: Any) -> str | None:
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and prompt and isinstance(prompt[-1], dict):
        content = prompt[-1].get("content")
        return content if isinstance(content, str) else None
    return None


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ModuleNotFoundError as missing:
        raise ConfigError(
            "Parquet files need the package 'pyarrow'", where="source.type", hint="pip install 'mem1-rl[data]'"
        ) from missing
    return pyarrow, pyarrow.parquet
