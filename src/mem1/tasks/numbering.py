"""Tasks whose questions are counted from another number than 1, and prompts with further numbered lines.

What a policy learns about the number 7 it should not learn about the seventh line. Lessons count from anywhere, and put
remarks with numbers of their own between the questions: lines to be told apart that ask nothing.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence

from mem1.types import Objective, Task


def numbered_from(task: Task, first: int) -> Task:
    """``task`` with its questions numbered ``first``, ``first + 1``, ... (``metadata["number"]``)."""
    objectives = tuple(_numbered(one, first + index) for index, one in enumerate(task.objectives))
    return task.model_copy(update={"objectives": objectives})


def holding(task: Task, count: int) -> Task:
    """``task`` whose first ``count`` questions are answered when it begins: the prompt will not list them."""
    marked = (
        one.model_copy(update={"metadata": one.metadata | {"held": True}}) if index < count else one
        for index, one in enumerate(task.objectives)
    )
    return task.model_copy(update={"objectives": tuple(marked)}) if count else task


def ending_at(task: Task, number: int) -> Task:
    """``task`` whose prompt says under ``number``, further on, what to do after the last question."""
    *before, last = task.objectives
    marked = last.model_copy(update={"metadata": last.metadata | {"ends": number}})
    return task.model_copy(update={"objectives": (*before, marked)})


def end_of(task: Task) -> int:
    """The number under which the task's prompt says what to do after the last question."""
    return int(task.objectives[-1].metadata.get("ends", task.first + task.size))


def with_end(prompt: str, task: Task) -> str:
    """The prompt of ``task`` with its last line under the number that ``ending_at`` gave it."""
    usual, number = task.first + task.size, end_of(task)
    return prompt if number == usual else prompt.replace(f"\n({usual}) ", f"\n({number}) ")


def with_remarks(prompt: str, remarks: Iterable[tuple[int, str]], rng: random.Random) -> str:
    """A prompt whose first line is a heading, with numbered remarks among the lines behind it.

    Half the time they stand before and behind the other lines, which stay together; else they are mixed with them.
    """
    heading, *lines = prompt.splitlines()
    extra = [f"({number}) {remark}" for number, remark in remarks]
    if rng.random() < 0.5:
        cut = rng.randint(0, len(extra))
        lines = [*extra[:cut], *lines, *extra[cut:]]
    else:
        lines += extra
        rng.shuffle(lines)
    return "".join(f"{line}\n" for line in (heading, *lines))


def without_first(prompt: str, count: int) -> str:
    """A prompt whose first line is a heading, without the ``count`` lines behind it."""
    heading, *lines = prompt.splitlines(keepends=True)
    return "".join((heading, *lines[count:]))


def free_numbers(task: Task, last: int) -> Sequence[int]:
    """The numbers from 1 to ``last`` that no line of the task's prompt bears."""
    used = {*range(task.first, task.first + task.size), end_of(task)}
    return [number for number in range(1, last + 1) if number not in used]


def _numbered(objective: Objective, number: int) -> Objective:
    return objective.model_copy(update={"metadata": objective.metadata | {"number": number}})
