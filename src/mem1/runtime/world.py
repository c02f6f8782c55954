"""What a recipe works in: its task sources, what searches ask, the environments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mem1.envs.base import Environment
from mem1.envs.config import EnvConfig
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.retrieval.base import Passage, PassageSource, Retriever
from mem1.tasks.base import Source
from mem1.tasks.overlap import check_overlap
from mem1.types import Task

EnvMaker = Callable[[Task], Environment]


def build_sources(recipe: Recipe) -> tuple[Source, ...]:
    """The recipe's task sources; their files are read when first needed."""
    return tuple(source.build() for source in recipe.all_sources)


def task_sources(recipe: Recipe) -> tuple[Source, ...]:
    """The sources, once it is known that their splits hold different questions, or may hold the same.

    Raises ``DataError``.
    """
    sources = build_sources(recipe)
    if recipe.tasks.overlap == "refuse":
        check_overlap(sources)
    return sources


def build_retriever(recipe: Recipe, sources: Sequence[Source]) -> Retriever:
    """What a search asks. Raises ``ConfigError`` where there is nothing to search."""
    config = recipe.retriever
    if config.has_corpus:
        return config.build()
    passages = passages_of(*sources)
    if not passages:
        kinds = ", ".join(source.type for source in recipe.all_sources)
        raise ConfigError(
            f"there is nothing to search: a source of type {kinds} brings no passages of its own",
            where="retriever.corpus",
            hint="name a file of passages: --retriever.corpus FILE",
        )
    return config.build(passages)


def make_environments(env: EnvConfig, parts: Mapping[str, Callable[[], Any]]) -> EnvMaker:
    """Makes a fresh environment for a task, over those of ``parts`` that it needs; no other is built."""
    return env.build(**{need: parts[need]() for need in sorted(env.needs)})


def passages_of(*sources: Source) -> Sequence[Passage]:
    """The passages that sources bring along."""
    return [passage for source in sources if isinstance(source, PassageSource) for passage in source.passages]
