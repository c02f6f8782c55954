"""A recipe's parts, built: what all commands that play episodes work with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mem1.inference.base import Engine
from mem1.recipe import Recipe
from mem1.retrieval.base import Retriever
from mem1.rollout.lessons import Lessons
from mem1.runtime.lessons.build import build_lessons
from mem1.runtime.models import LocalModel, build_local, build_side_engine, check_trainable, seed
from mem1.runtime.world import EnvMaker, build_retriever, make_environments, task_sources
from mem1.tasks.base import Source


@dataclass(frozen=True, slots=True)
class World:
    """What tasks are drawn from and done in. ``retriever`` is ``None`` where the environment needs none."""

    sources: Sequence[Source]
    make_env: EnvMaker
    retriever: Retriever | None


@dataclass(frozen=True, slots=True)
class Runtime:
    """A recipe and its parts. ``local`` is ``None`` where the engine's weights are not here."""

    recipe: Recipe
    world: World
    engine: Engine
    side_engine: Engine | None
    local: LocalModel | None

    @property
    def trainable(self) -> LocalModel:
        """The policy to train. Raises ``ConfigError`` where its weights are not here."""
        if self.local is None:
            check_trainable(self.recipe)
        assert self.local is not None
        return self.local


def build(recipe: Recipe, *, trains: bool = False) -> Runtime:
    """All parts of ``recipe``, the policy ready to be trained with ``trains``. Raises ``Mem1Error``."""
    if trains:
        check_trainable(recipe)
    seed(recipe, trains=trains)  # a new model's weights are drawn in what follows
    world = build_world(recipe)
    here = recipe.writer.shares_weights or (trains and recipe.writer.takes_weights)
    local = build_local(recipe, texts(recipe, world), trains=trains) if here else None
    engine = recipe.writer.build(recipe.model) if local is None else local.sampler
    return Runtime(recipe, world, engine, build_side_engine(recipe), local)


def build_world(recipe: Recipe) -> World:
    """The sources, and the environments over the parts that they need."""
    sources = task_sources(recipe)
    retriever = build_retriever(recipe, sources) if "retriever" in recipe.env.needs else None
    parts: dict[str, Callable[[], Any]] = {
        "source": lambda: sources[0],
        "retriever": lambda: retriever,
        "scorer": recipe.scorer.build,
    }
    return World(sources, make_environments(recipe.env, parts), retriever)


def texts(recipe: Recipe, world: World) -> Callable[[], Iterable[str]]:
    """What the tokenizer of a new model learns from."""
    return lambda: lessons(recipe, world).texts()


def lessons(recipe: Recipe, world: World) -> Lessons:
    """The lessons of a warm start. Raises ``ConfigError`` where the environment has none."""
    return build_lessons(recipe, world.sources, world.retriever)
