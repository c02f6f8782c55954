"""The lessons of a warm start: those of the recipe's environment."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.errors import ConfigError
from mem1.imports import find
from mem1.recipe import Recipe
from mem1.retrieval.base import Retriever
from mem1.rollout.lessons import Lessons, Setting
from mem1.tasks.base import Source


def build_lessons(recipe: Recipe, sources: Sequence[Source], retriever: Retriever | None) -> Lessons:
    """What ``env.lessons`` names, over the recipe. Raises ``ConfigError`` where the environment has none."""
    env = recipe.env
    if env.lessons is None:
        raise ConfigError(
            f"the environment {env.type!r} has no demonstrations of its own",
            where="env.type",
            hint="collect some with mem1 distill, name that run in demonstrations.runs and begin with a model",
        )
    setting = Setting(
        config=recipe.lessons,
        seed=recipe.seed,
        env=env,
        memory=recipe.memory,
        sources=tuple(sources),
        retriever=retriever,
        make_retriever=recipe.retriever.build,
        make_scorer=recipe.scorer.build,
    )
    made: Lessons = find(env.lessons, where="env.type")(setting)
    return made
