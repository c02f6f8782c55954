"""What a recipe works on: sources, passages, environments, tasks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from rich.console import Console

from mem1.envs.base import Environment
from mem1.envs.config import EnvConfig
from mem1.errors import ConfigError
from mem1.evaluation.records import CellKey
from mem1.recipe import Recipe
from mem1.retrieval.base import Passage, PassageSource, Retriever
from mem1.tasks.compose import Order, repetition
from mem1.tasks.config import ComposeConfig
from mem1.tasks.overlap import check_overlap
from mem1.types import Composition, Task


class Materials:
    """A recipe's tasks and the world they are done in, each built when first needed."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    @cached_property
    def sources(self) -> list[Any]:
        """The task sources."""
        return [source.build() for source in self.recipe.all_sources]

    @property
    def source(self) -> Any:
        """The first task source: the one that lessons are about."""
        return self.sources[0]

    @cached_property
    def retriever(self) -> Retriever:
        """What a search asks."""
        config = self.recipe.retriever
        if config.has_corpus:
            return config.build()
        passages = passages_of(*self.sources)
        if not passages:
            kinds = ", ".join(source.type for source in self.recipe.all_sources)
            raise ConfigError(
                f"there is nothing to search: a source of type {kinds} brings no passages of its own",
                where="retriever.corpus",
                hint="name a file of passages: --retriever.corpus FILE",
            )
        return config.build(passages)

    @cached_property
    def make_env(self) -> Callable[[Task], Environment]:
        """Makes a fresh environment for a task."""
        return self.env_over({})

    def env_over(self, given: Mapping[str, Any], env: EnvConfig | None = None) -> Callable[[Task], Environment]:
        """Makes environments over the parts that they need: those ``given``, else the recipe's own."""
        env = env or self.recipe.env
        own: Mapping[str, Callable[[], Any]] = {
            "source": lambda: self.source,
            "retriever": lambda: self.retriever,
            "scorer": self.recipe.scorer.build,
        }
        return env.build(**{need: given[need] if need in given else own[need]() for need in env.needs})

    @cached_property
    def train_tasks(self) -> list[Task]:
        """The pool that training draws from, in the order in which it is used."""
        recipe = self.recipe
        return self._composed(recipe.tasks, recipe.split, recipe.seed)

    def tasks(
        self, split: Any, composition: Composition, objectives: int, count: int, seed: int, order: Order = "shuffled"
    ) -> list[Task]:
        """Tasks for an evaluation."""
        config = ComposeConfig(
            composition=composition,
            objectives=objectives,
            count=count,
            order=order,
            shuffle=True,
            repeat=self.recipe.tasks.repeat,
            delay=self.recipe.tasks.delay,
        )
        return self._composed(config, split, seed)

    def _composed(self, config: ComposeConfig, split: Any, seed: int) -> list[Task]:
        """Tasks of splits that hold different questions; that some repeat is said on standard error."""
        tasks = config.build(self._apart, split=split, seed=seed)
        again = repetition(tasks)
        if again is not None:
            said = f"{again} ({config.composition.value}, {config.objectives} objectives, split {split})"
            Console(stderr=True).print(said, highlight=False, markup=False, soft_wrap=True)
        return tasks

    @cached_property
    def _apart(self) -> list[Any]:
        """The task sources, once it is known that their splits hold different questions (or may hold the same)."""
        if self.recipe.tasks.overlap == "refuse":
            check_overlap(self.sources)
        return self.sources

    @cached_property
    def watched(self) -> list[Task]:
        """The dev tasks that are scored while training; none where ``watch_tasks`` is 0."""
        if not self.recipe.watch_tasks:
            return []
        compose = self.recipe.tasks
        return self.tasks("dev", compose.composition, compose.objectives, self.recipe.watch_tasks, self.recipe.seed)

    @cached_property
    def cells(self) -> dict[CellKey, list[Task]]:
        """The tasks of an evaluation."""
        config, split = self.recipe.evaluate, self.recipe.evaluate_split
        cells = {
            CellKey(composition, n): self.tasks(split, composition, n, config.tasks_at(n), config.seed, config.order)
            for composition in config.compositions
            for n in config.horizons
        }
        if config.session_objectives:
            key = CellKey(Composition.SEQUENTIAL, config.session_objectives, session=True)
            cells[key] = self.tasks(split, key.composition, key.objectives, config.session_tasks, config.seed)
        return cells


def passages_of(*sources: Any) -> Sequence[Passage]:
    """The passages that sources bring along."""
    return [passage for source in sources if isinstance(source, PassageSource) for passage in source.passages]
