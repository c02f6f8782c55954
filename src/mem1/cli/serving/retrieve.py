"""``mem1 serve retrieve``: the search service over a recipe's retriever, or over a corpus."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.cli.limits import add_limits, read_limits
from mem1.cli.serving.packages import packages
from mem1.config import load
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.retrieval.base import Retriever
from mem1.retrieval.service.config import ServiceConfig


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(writes_run=False, required=False)
    parser.usage = f"{parser.prog} RECIPE | --corpus FILE [options] [--retriever.key value ...]"
    parser.add_argument("--corpus", metavar="FILE", type=Path, help="search this corpus; stands for retriever.corpus")
    parser.add_argument("--pages", metavar="FILE", type=Path, help="JSON lines with url and text, for POST /access")
    add_limits(parser, ServiceConfig)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal, which is the way to end it and no failure."""
    limits = read_limits(arguments, ServiceConfig)
    if arguments.recipe is None and arguments.corpus is None:
        raise ConfigError("what to search?", where="mem1 serve retrieve", hint="give a RECIPE or --corpus FILE")
    default = ["retriever.type=bm25"] if arguments.recipe is None else []
    recipe = _over(load(Recipe, arguments.recipe, [*default, *arguments.overrides]), arguments.corpus)
    serve, page_store = _service()

    def tell(address: str) -> None:
        output.show(
            {"retrieve": f"{address}/retrieve", "workers": limits.workers, "end with": "Ctrl-C or SIGTERM"},
            as_json=arguments.json,
        )

    pages = functools.partial(page_store, arguments.pages) if arguments.pages is not None else None
    serve(functools.partial(open_retriever, recipe), limits, pages, on_start=tell)
    return 0


def open_retriever(recipe: Recipe) -> Retriever:
    """What the recipe's searches ask. Every worker opens its own."""
    from mem1.runtime.world import build_retriever, build_sources

    return build_retriever(recipe, build_sources(recipe))


def _over(recipe: Recipe, corpus: Path | None) -> Recipe:
    """``recipe`` with its retriever over ``corpus``, if one is given."""
    if corpus is None:
        return recipe
    retriever = recipe.retriever
    if "corpus" not in type(retriever).model_fields:
        raise ConfigError(
            f"a retriever of type {retriever.type!r} searches no corpus itself",
            where="--corpus",
            hint="set the corpus of its parts in the recipe",
        )
    return recipe.model_copy(update={"retriever": retriever.model_copy(update={"corpus": corpus})})


def _service() -> tuple[Any, Any]:
    """The parts that need the packages of the extra ``serve``."""
    with packages("mem1 serve retrieve", "serve"):
        from mem1.retrieval.service.run import serve
        from mem1.retrieval.store.page_store import PageStore
    return serve, PageStore
