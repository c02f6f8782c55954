"""``mem1 serve retrieve``: the search service over a recipe's retriever, or over a corpus."""

from __future__ import annotations

import argparse
import functools
from pathlib import Path
from typing import Any

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.retrieval.base import Retriever
from mem1.retrieval.service_config import ServiceConfig


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(writes_run=False, required=False)
    parser.usage = f"{parser.prog} RECIPE | --corpus FILE [options] [--retriever.key value ...]"
    parser.add_argument("--corpus", metavar="FILE", type=Path, help="search this corpus; stands for retriever.corpus")
    parser.add_argument("--pages", metavar="FILE", type=Path, help="JSON lines with url and text, for POST /access")
    limits = parser.add_argument_group("addresses and limits")
    for name, field in ServiceConfig.model_fields.items():
        limits.add_argument(
            f"--{name.replace('_', '-')}", metavar="N" if field.annotation is not str else "HOST", dest=name,
            help=f"{field.description} (default {field.default})",
        )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal, which is the way to end it and no failure."""
    from mem1.config import build, load

    given = {name: getattr(arguments, name) for name in ServiceConfig.model_fields}
    limits = build(
        ServiceConfig, {name: value for name, value in given.items() if value is not None}, where="the command line"
    )
    overrides = list(arguments.overrides)
    if arguments.corpus is not None:
        overrides.append(f"retriever.corpus={arguments.corpus}")
    elif arguments.recipe is None:
        raise ConfigError("what to search?", where="mem1 serve retrieve", mend="give a RECIPE or --corpus FILE")
    recipe = load(Recipe, arguments.recipe, overrides)
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
    """The recipe's retriever, over the passages of its source where the recipe names no corpus."""
    if getattr(recipe.retriever, "corpus", None) is not None:
        return recipe.retriever.build()
    return recipe.retriever.build(getattr(recipe.source.build(), "passages", ()))


def _service() -> tuple[Any, Any]:
    """The parts that need the packages of the extra ``serve``."""
    try:
        from mem1.retrieval.pages import PageStore
        from mem1.retrieval.server_run import serve
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the package {error.name!r} is not installed",
            where="mem1 serve retrieve",
            mend="pip install -c constraints.txt -e '.[serve]'",
        ) from error
    return serve, PageStore
