"""Whether the answers of a dataset can be given at all in the form in which answers are given."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from mem1.rewards.standard import SEPARATOR, usable
from mem1.types import Objective, Task


class Coverage(NamedTuple):
    """Of one source: its objectives, how many can be answered, and the ids of the first that cannot."""

    source: str
    objectives: int
    answerable: int
    examples: tuple[str, ...]


def givable(objective: Objective, *, alone: bool = False) -> tuple[str, ...]:
    """The accepted answers that can be given: not blank once normalised, and without the sign that separates answers.

    Where several questions are asked upfront one text holds all answers, so an answer with ";" in it would be split;
    ``alone``: it is not, since this one is asked by itself.
    """
    return tuple(answer for answer in usable(objective.answers) if alone or SEPARATOR not in answer)


def task_coverage(tasks: Iterable[Task]) -> list[Coverage]:
    """Coverage of what tasks ask, as they ask it."""
    asked = [
        (objective, task.size == 1 or task.reveal == "one_by_one") for task in tasks for objective in task.objectives
    ]
    by_itself = {objective.id for objective, alone in asked if alone}
    return coverage((objective for objective, _ in asked), alone=by_itself)


def coverage(objectives: Iterable[Objective], *, alone: Collection[str] = ()) -> list[Coverage]:
    """Coverage by source, in order of appearance; an objective that comes twice counts once.

    ``alone``: ids of those that are asked by themselves.
    """
    seen = {objective.id: objective for objective in objectives}
    sources: dict[str, list[Objective]] = {}
    for objective in seen.values():
        sources.setdefault(objective.source, []).append(objective)
    found = []
    for source, rows in sources.items():
        lost = [row.id for row in rows if not givable(row, alone=row.id in alone)]
        found.append(Coverage(source, len(rows), len(rows) - len(lost), tuple(lost[:5])))
    return found
