"""Services that a recipe needs are asked once whether they are there, before minutes are spent on loading a model."""

from __future__ import annotations

import asyncio

from mem1.inference.build import connect
from mem1.inference.config import OpenAiConfig
from mem1.recipe import Recipe
from mem1.retrieval.config import HybridConfig, RemoteConfig


def check_services(recipe: Recipe) -> None:
    """Ask the endpoint, the judge and every search service of ``recipe``.

    Raises ``BackendError`` where one cannot be reached or denies us, ``ConfigError`` where a key is missing.
    """
    asyncio.run(_check(recipe))


async def _check(recipe: Recipe) -> None:
    if isinstance(recipe.engine, OpenAiConfig):
        from mem1.inference.endpoint.openai_engine import OpenAiEngine

        engine = connect(recipe.engine, recipe.model)
        assert isinstance(engine, OpenAiEngine)
        await engine.check()
        await engine.close()
    if recipe.scorer.judge is not None:
        from mem1.rewards.judge import JudgeScorer

        judge = JudgeScorer(recipe.scorer.judge.model_copy(update={"cache": None}))
        await judge.check()
        judge.close()
    config = recipe.retriever
    for part in config.parts if isinstance(config, HybridConfig) else (config,):
        if isinstance(part, RemoteConfig):
            retriever = part.build()
            await retriever.check()
            retriever.close()
