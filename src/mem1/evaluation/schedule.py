"""In which order an evaluation runs: task by task, every strategy in turn, so that time favours none."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mem1.evaluation.records import CellKey
from mem1.types import Task


class Place(NamedTuple):
    """One episode to run. ``name`` is its task's, unique among the tasks of ``key``."""

    key: CellKey
    name: str
    task: Task
    strategy: str


def names(tasks: Sequence[Task]) -> tuple[str, ...]:
    """A name for each task, unique: its id, and for a repeat of an id ``ID~2``, ``ID~3``, …"""
    found: dict[str, None] = {}
    for task in tasks:
        name, time = task.id, 1
        while name in found:
            time += 1
            name = f"{task.id}~{time}"
        found[name] = None
    return tuple(found)


def alike(tasks: Sequence[Task]) -> tuple[int, ...]:
    """For each task the place of the first that asks the same, whatever their ids; empty where none repeats."""
    first: dict[tuple[object, ...], int] = {}
    places = tuple(first.setdefault(_content(task), place) for place, task in enumerate(tasks))
    return places if len(first) < len(tasks) else ()


def schedule(tasks: Mapping[CellKey, Sequence[Task]], strategies: Sequence[str], seed: int) -> Iterator[Place]:
    """Every strategy on every task, long tasks first: short ones then fill the slots that a few long ones leave empty.

    The strategies of one task stand side by side, so that caches, a busy machine or a slow hour meet all of them alike.
    Who comes first rotates from task to task, through an order that is drawn anew once each has been first.
    """
    for key in sorted(tasks, key=lambda key: -key.objectives):
        drawn = random.Random(f"{seed} {key.name}")
        order = list(strategies)
        for place, (name, task) in enumerate(zip(names(tasks[key]), tasks[key], strict=True)):
            turn = place % len(order)
            if turn == 0:
                drawn.shuffle(order)
            for strategy in order[turn:] + order[:turn]:
                yield Place(key, name, task, strategy)


def _content(task: Task) -> tuple[object, ...]:
    # Another order of the same questions is no other task to learn from.
    asked = sorted((one.id, one.question, one.standalone or "") for one in task.objectives)
    return task.composition, task.reveal, *asked
