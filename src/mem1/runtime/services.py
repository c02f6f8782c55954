"""Services that a recipe needs are asked once whether they are there, before minutes are spent on loading a model."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from typing import Any

from mem1.event_loop import run_here
from mem1.recipe import Recipe


def check_services(recipe: Recipe) -> None:
    """Ask the endpoint, the judge and every search service of ``recipe``.

    Raises ``BackendError`` where one cannot be reached or denies us, ``ConfigError`` where a key is missing.
    """
    run_here(_check(recipe))


def services_of(recipe: Recipe) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
    """What each service that ``recipe`` needs is called, and the question to it."""
    yield "environment", recipe.env.check()
    yield "engine", recipe.writer.check(recipe.model)
    if "scorer" in recipe.env.needs:
        yield "judge", recipe.scorer.check()
    if "retriever" in recipe.env.needs:
        yield "retriever", recipe.retriever.check()


async def _check(recipe: Recipe) -> None:
    for _, asking in services_of(recipe):
        await asking
