"""``mem1 serve webshop``: the shop as a web page, for people who want to do what an agent does."""

from __future__ import annotations

import argparse
from typing import Any

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.cli.limits import add_limits, read_limits
from mem1.cli.serving.packages import packages
from mem1.config import load
from mem1.errors import ConfigError, DataError
from mem1.recipe import Recipe
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.source import goal_of
from mem1.webshop.shop.config import WebshopEnvConfig
from mem1.webshop.site.config import SiteConfig

_SPLITS = ("train", "dev", "test")
_OWN = ("source.type=webshop", "env.type=webshop")


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(writes_run=False, required=False)
    parser.usage = f"{parser.prog} [RECIPE] [options] [--source.key value ...] [--env.key value ...]"
    parser.add_argument("--split", choices=_SPLITS, default="test", help="whose goals to shop for (default test)")
    add_limits(parser, SiteConfig)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal. Without a recipe the shop is our own catalogue, in strict mode."""
    config = read_limits(arguments, SiteConfig)
    own = _OWN if arguments.recipe is None else ()
    recipe = load(Recipe, arguments.recipe, [*own, *arguments.overrides])
    source, env = recipe.source, recipe.env
    if not isinstance(source, WebshopConfig) or not isinstance(env, WebshopEnvConfig):
        raise ConfigError(
            "the recipe has no shop", where=str(arguments.recipe), hint="give one with source.type = 'webshop'"
        )
    if recipe.env.action_form == "turn":
        raise ConfigError(
            "a protocol is for policies: people shop without one",
            where="env.protocol",
            hint="leave it out; --env.mode compat has the published rules",
        )
    site_of, sessions_of, serve, log_of = _parts()
    webshop = source.build()
    objectives = webshop.objectives(arguments.split)
    goals = [goal_of(objective) for objective in objectives]
    if not goals:
        raise DataError(
            f"there are no goals in the split {arguments.split}",
            where="source",
            hint="another --split, or more products",
        )
    shop = env.open(webshop)
    log = None if config.log is None else log_of(config.log, arguments.split, objectives)
    keep = {} if log is None else {"keep": log.keep}
    site = site_of(sessions_of(shop, goals, config, **keep), arguments.split, env.turns_per_goal)

    def tell(address: str) -> None:
        told = {} if config.log is None else {"log": str(config.log)}
        shown = {"webshop": address, "goals": len(goals), **told, "end with": "Ctrl-C or SIGTERM"}
        output.show(shown, as_json=arguments.json)

    serve(site, config, on_start=tell)
    if log is not None:
        log.close()
        output.show(log.score(), as_json=arguments.json, title="what people reached")
    return 0


def _parts() -> tuple[Any, Any, Any, Any]:
    """The parts that need the packages of the extra ``serve``."""
    with packages("mem1 serve webshop", "serve", "shop"):
        from mem1.webshop.people.log import SessionLog
        from mem1.webshop.site.pages import Site
        from mem1.webshop.site.run import serve
        from mem1.webshop.site.sessions import Sessions
    return Site, Sessions, serve, SessionLog
