"""Which tasks a recipe's commands work on: drawn from its sources, the same each time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from mem1.evaluation.config import EvaluateConfig
from mem1.evaluation.records import CellKey
from mem1.progress import screen
from mem1.recipe import Recipe
from mem1.runtime.world import EnvMaker
from mem1.tasks.base import Source
from mem1.tasks.compose import Order, repetition
from mem1.tasks.config import ComposeConfig
from mem1.types import Composition, Task

Sources = Sequence[Source]


def train_tasks(recipe: Recipe, sources: Sources) -> list[Task]:
    """The pool that training draws from, in the order in which it is used."""
    return _composed(recipe.tasks, sources, recipe.split, recipe.seed)


def watched_tasks(recipe: Recipe, sources: Sources) -> list[Task]:
    """The dev tasks that are scored while training; none where ``watch_tasks`` is 0."""
    if not recipe.watch_tasks:
        return []
    own = recipe.tasks
    return held_out(recipe, sources, "dev", own.composition, own.objectives, recipe.watch_tasks, recipe.seed)


def evaluation_tasks(recipe: Recipe, sources: Sources, config: EvaluateConfig) -> dict[CellKey, list[Task]]:
    """The tasks of an evaluation, by cell."""
    split, seed = recipe.evaluate_split, config.seed
    cells = {
        CellKey(composition, n): held_out(
            recipe, sources, split, composition, n, config.tasks_at(n), seed, config.order
        )
        for composition in config.compositions
        for n in config.horizons
    }
    if config.session_objectives:
        key = CellKey(Composition.SEQUENTIAL, config.session_objectives, session=True)
        cells[key] = held_out(recipe, sources, split, key.composition, key.objectives, config.session_tasks, seed)
    return cells


def admitted(make_env: EnvMaker, cells: Iterable[Sequence[Task]]) -> None:
    """Let the environment see the first task of each list, so that what it refuses is refused before a run begins.

    All tasks of a list are composed alike. Raises ``ConfigError`` where the environment does.
    """
    for tasks in cells:
        for task in tasks[:1]:
            make_env(task)


def held_out(
    recipe: Recipe,
    sources: Sources,
    split: Any,
    composition: Composition,
    objectives: int,
    count: int,
    seed: int,
    order: Order = "shuffled",
) -> list[Task]:
    """``count`` tasks of a split, to measure with."""
    config = ComposeConfig(
        composition=composition,
        objectives=objectives,
        count=count,
        order=order,
        shuffle=True,
        repeat=recipe.tasks.repeat,
        delay=recipe.tasks.delay,
    )
    return _composed(config, sources, split, seed)


def _composed(config: ComposeConfig, sources: Sources, split: Any, seed: int) -> list[Task]:
    """The tasks; that some repeat is said on standard error."""
    tasks = config.build(sources, split=split, seed=seed)
    again = repetition(tasks)
    if again is not None:
        said = f"{again} ({config.composition.value}, {config.objectives} objectives, split {split})"
        screen().print(said, highlight=False, markup=False, soft_wrap=True)
    return tasks
