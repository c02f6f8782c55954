"""Tasks as Search-R1's and MEM1's Parquet files: read theirs, and write ours so that their trainers can read them.

Columns: ``data_source``, ``prompt`` (a list with one user message), ``ability``, ``reward_model`` with
``ground_truth.target``, ``extra_info``. ``target`` is a list of accepted answers for each question (MEM1), or one such
list where all tasks have one question (Search-R1, verl). ``data_source`` names the reward function that is taken.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mem1.errors import ConfigError, DataError, boundary
from mem1.storage.atomic import write_atomic
from mem1.storage.foreign import shown
from mem1.storage.parquet import arrow, parquet_rows
from mem1.storage.rows import Row
from mem1.tasks.base import Split
from mem1.tasks.compose import make_task
from mem1.tasks.files.answers import answers_of, is_listed, listed
from mem1.tasks.files.prompts import find_questions
from mem1.text import check_storable
from mem1.types import Composition, Objective, Task

OURS = "mem1_task"
"""The key of ``extra_info`` under which a task that we wrote stands whole."""

PEERS = ("nq", "triviaqa", "popqa", "hotpotqa", "2wikimultihopqa", "musique", "bamboogle")
"""Names for which Search-R1's and MEM1's trainers have a reward function; verl has it under ``searchR1_`` + name."""

_HINT = "a row has data_source, prompt, and reward_model.ground_truth.target (a list of answers for each question)"


def peer_name(task: Task, *, single: bool) -> str:
    """A ``data_source`` that a trainer's reward function takes and whose scoring fits.

    verl scores single questions by exact match as ``searchR1_nq`` and so on; a list of answers for each of several
    questions is scored by MEM1's trainer alone, as ``nq`` and so on. A source with another name, or a mixed task, is
    scored in the same way under the first name.
    """
    sources = {objective.source for objective in task.objectives}
    name = next(iter(sources)) if len(sources) == 1 and sources <= set(PEERS) else PEERS[0]
    return f"searchR1_{name}" if single else name


def write_tasks(
    path: Path, tasks: Sequence[Task], prompt: Callable[[Task], str], *, data_source: str | None = None
) -> None:
    """Write tasks, in their order; ``prompt`` renders what the policy is to read.

    ``data_source``: what to write there; by default ``peer_name``. Raises ``StorageError``; ``ConfigError`` for tasks
    whose questions are asked one by one, which no prompt of a row holds.
    """
    library, parquet = arrow()
    single = all(task.size == 1 for task in tasks)
    rows = [_row(task, index, prompt(task), single, data_source) for index, task in enumerate(tasks)]
    table = library.Table.from_pylist(rows)
    sink = library.BufferOutputStream()
    parquet.write_table(table, sink)
    write_atomic(path, sink.getvalue().to_pybytes())


def _row(task: Task, index: int, prompt: str, single: bool, data_source: str | None) -> dict[str, Any]:
    if task.reveal == "one_by_one":
        raise ConfigError(
            f"{task.composition.value} tasks ask one question after the other: a row's prompt has none of them in it",
            where="tasks.composition",
            hint="ask all at once: tasks.reveal = 'upfront'; or write JSON lines: mem1 compose RECIPE --out FILE",
        )
    check_storable(prompt, f"the prompt of task {index}")
    target = [list(objective.answers) for objective in task.objectives]
    return {
        "data_source": data_source or peer_name(task, single=single),
        "prompt": [{"role": "user", "content": prompt}],
        "ability": "fact-reasoning",
        "reward_model": {"style": "rule", "ground_truth": {"target": target[0] if single else target}},
        "extra_info": {"index": index, "split": task.split, OURS: task.model_dump_json()},
    }


def read_tasks(path: Path, split: Split) -> list[Task]:
    """All tasks of a file, in its order, as tasks of ``split``.

    Tasks that ``write_tasks`` wrote come back as they were. Of others the questions are taken from a column
    ``question`` (or ``extra_info.question``) or found in the prompt. Raises ``DataError`` naming the row.
    """
    rows = parquet_rows(path, "the Parquet file", _HINT)
    tasks = [_task(row, split, number) for number, row in enumerate(rows)]
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
            self._read[split] = tuple(_told_apart(objective for task in tasks for objective in task.objectives))
        return self._read[split]


def _task(row: Row, split: Split, number: int) -> Task:
    extra = row.values.get("extra_info")
    kept = extra.get(OURS) if isinstance(extra, dict) else None
    if kept is not None:
        with boundary(f"'extra_info.{OURS}' is no task", DataError, hint=f"{row.where}: write the file again"):
            return Task.model_validate_json(kept)
    targets = _targets(row)
    source = row.text("data_source")
    questions = _questions(row, len(targets))
    check_storable([source, questions, targets], row.where, hint=row.hint)
    objectives = [
        Objective(
            id=f"{source}/{number}.{i}" if len(targets) > 1 else f"{source}/{number}",
            question=question,
            answers=answers,
            source=source,
        )
        for i, (question, answers) in enumerate(zip(questions, targets, strict=True))
    ]
    return make_task(objectives, Composition.PARALLEL, split)


def _told_apart(objectives: Iterable[Objective]) -> Iterator[Objective]:
    """The objectives with ids of their own: tasks may ask one question several times."""
    seen: Counter[str] = Counter()
    for objective in objectives:
        seen[objective.id] += 1
        again = seen[objective.id]
        yield objective if again == 1 else objective.model_copy(update={"id": f"{objective.id}~{again}"})


def _targets(row: Row) -> list[tuple[str, ...]]:
    """Accepted answers for each question. A flat list is one question's: texts of several questions are lists."""
    target = _target(row)
    lists = target if isinstance(target, list) and target and all(isinstance(one, list) for one in target) else [target]
    found = [_answers(one) for one in lists]
    if not all(found):
        raise row.error(f"'reward_model.ground_truth.target' must hold answers, got {str(target)[:80]!r}")
    if not all(any(answer.strip() for answer in answers or ()) for answers in found):
        raise row.error(
            f"'reward_model.ground_truth.target' holds a question's answers without a text: {shown(target)}"
        )
    return [answers for answers in found if answers is not None]


def _target(row: Row) -> Any:
    """What is accepted: ``reward_model.ground_truth.target``, or ``ground_truth`` itself; any of them may be JSON."""
    node: Any = row.values.get("reward_model", {"ground_truth": row.values.get("ground_truth")})
    for key in ("ground_truth", "target"):
        node = _unpacked(node)
        if not isinstance(node, dict) or (key == "target" and key not in node):
            return node if key == "target" else None
        node = node.get(key)
    return _unpacked(node)


def _unpacked(value: Any) -> Any:
    """A text that holds an object or a list, as what it holds."""
    if not isinstance(value, str):
        return value
    if is_listed(value):
        return list(listed(value) or (value,))
    try:
        found = json.loads(value) if value.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return value
    return found if isinstance(found, dict) else value


def _answers(value: Any) -> tuple[str, ...] | None:
    given = value if isinstance(value, list) else [value]
    if given and all(isinstance(one, str) or type(one) is int for one in given):
        return tuple(map(str, given))
    return answers_of(value) or None


def _questions(row: Row, count: int) -> list[str]:
    extra = row.values.get("extra_info")
    given = row.values.get("question", extra.get("question") if isinstance(extra, dict) else None)
    if isinstance(given, str) and given.strip() and count == 1:
        return [given.strip()]
    prompt = row.values.get("prompt")
    text = f"Questions: {given}" if isinstance(given, str) and given.strip() else _content(row, prompt)
    if text is None:
        raise row.error(f"'prompt' must be a list with one message, got {shown(prompt)}")
    found = find_questions(text, count)
    if found is None:
        raise row.error(f"cannot find {count} questions, joined by '; ', in the prompt {shown(text[-60:])}")
    return found


def _content(row: Row, prompt: Any) -> str | None:
    """What the user says last. Raises ``DataError`` where that is more than text."""
    if isinstance(prompt, str):
        return prompt
    if not isinstance(prompt, list) or not all(isinstance(one, dict) for one in prompt):
        return None
    said = [one.get("content") for one in prompt if one.get("role") == "user"] or [one.get("content") for one in prompt]
    last = said[-1] if said else None
    if isinstance(last, list):
        parts = [part if isinstance(part, str) else part.get("text") for part in last if isinstance(part, str | dict)]
        if len(parts) < len(last) or not all(isinstance(part, str) for part in parts):
            raise row.error("'prompt' holds more than text: images and the like are not read")
        return "".join(str(part) for part in parts)
    return last if isinstance(last, str) else None
