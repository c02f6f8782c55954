"""Services that a recipe needs are asked once whether they are there, before minutes are spent on loading a model."""

from __future__ import annotations

from mem1.event_loop import run_here
from mem1.recipe import Recipe


def check_services(recipe: Recipe) -> None:
    """Ask the endpoint, the judge and every search service of ``recipe``.

    Raises ``BackendError`` where one cannot be reached or denies us, ``ConfigError`` where a key is missing.
    """
    run_here(_check(recipe))


async def _check(recipe: Recipe) -> None:
    await recipe.env.check()
    await recipe.writer.check(recipe.model)
    if "scorer" in recipe.env.needs:
        await recipe.scorer.check()
    if "retriever" in recipe.env.needs:
        await recipe.retriever.check()
