"""``mem1 serve agentgym``: the shop as AgentGym's JSON service, with the published rules."""

from __future__ import annotations

import argparse
from typing import Any

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.cli.limits import add_limits, read_limits
from mem1.cli.serving.packages import packages
from mem1.config import load
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.dropin.config import AgentGymConfig
from mem1.webshop.shop.config import WebshopEnvConfig

_OWN = ("source.type=webshop", "env.type=webshop", "env.mode=compat")


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(writes_run=False, required=False)
    parser.usage = f"{parser.prog} [RECIPE] [options] [--source.key value ...] [--env.key value ...]"
    add_limits(parser, AgentGymConfig)


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal. Without a recipe the catalogue is our own."""
    config = read_limits(arguments, AgentGymConfig)
    own = _OWN if arguments.recipe is None else ()
    recipe = load(Recipe, arguments.recipe, [*own, *arguments.overrides])
    source, env = recipe.source, recipe.env
    if not isinstance(source, WebshopConfig) or not isinstance(env, WebshopEnvConfig) or env.mode != "compat":
        raise ConfigError(
            "the service has the published rules, the recipe has not",
            where=str(arguments.recipe or "env.mode"),
            hint='give source.type = "webshop", env.type = "webshop" and env.mode = "compat"',
        )
    settings_of, server_of, make_service, run_app = _parts()
    server = server_of(settings_of.of(source, nouns=env.nouns, show_attrs=env.tab))

    def tell(address: str) -> None:
        shown = {"agentgym": address, "goals": len(server.goals), "end with": "Ctrl-C or SIGTERM"}
        output.show(shown, as_json=arguments.json)

    run_app(lambda: make_service(server, config, room=config.room), config, on_start=tell)
    return 0


def _parts() -> tuple[Any, Any, Any, Any]:
    """The parts that need the packages of the extras ``serve`` and ``shop``."""
    with packages("mem1 serve agentgym", "serve", "shop"):
        from mem1.serving.run import run_app
        from mem1.webshop.dropin.server import ServerSettings, ShopServer
        from mem1.webshop.dropin.service import make_service
    return ServerSettings, ShopServer, make_service, run_app
