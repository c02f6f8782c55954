"""``mem1 serve mcp``: tools, retrievers and the agent for whoever speaks the Model Context Protocol."""

from __future__ import annotations

import argparse
import asyncio
import functools
import tempfile
import time
from pathlib import Path
from typing import Any

from mem1.cli import output
from mem1.cli.agent_options import add_options, overrides_of
from mem1.cli.arguments import Parser
from mem1.cli.limits import add_limits, read_limits
from mem1.cli.serving.packages import packages
from mem1.cli.serving.retrieve import open_retriever
from mem1.config import load
from mem1.errors import ConfigError
from mem1.recipe import Recipe
from mem1.serving.config import ServerConfig
from mem1.tools.base import ToolSource
from mem1.tools.build import build_toolbox
from mem1.tools.config import ToolsConfig
from mem1.tools.corpus import Corpus
from mem1.tools.toolbox import Toolbox

_LARGEST, _LEAST = 40_000, 1_000  # characters of a result
_LONGEST = 630.0  # seconds of a call: the agent may be waited for
_AT_ONCE = 64  # calls; those that wait for the agent take a place each


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.usage = f"{parser.prog} [--corpus FILE] [--files DIR] [--url URL] [--http] [options]"
    parser.epilog = (
        "Without --http it speaks on standard input and output, as a client starts it. With --url (or --config) an "
        "agent on that model is among the tools, and uses the others itself."
    )
    parser.add_argument("--http", action="store_true", help="streamable HTTP instead of standard input and output")
    parser.add_argument("--retriever", metavar="RECIPE", type=Path, help="search with the retriever of a recipe, too")
    parser.add_argument("--session", metavar="DIR", type=Path, help="the agent's session (default: new, in sessions/)")
    parser.add_argument("--config", metavar="FILE", type=Path, help="the agent's settings as TOML, for a new session")
    parser.add_argument("--largest", metavar="N", type=int, default=_LARGEST, help="most characters of a result")
    add_options(parser)
    add_limits(parser, ServerConfig)


def run(arguments: argparse.Namespace) -> int:
    """Serve until the input ends, or a signal."""
    serve_stdio, serve_http = _parts()
    limits = read_limits(arguments, ServerConfig)
    if not arguments.http and limits != ServerConfig():
        raise ConfigError(
            "addresses and limits are those of HTTP, and standard input has none",
            where="mem1 serve mcp",
            hint="add --http, or drop them",
        )
    if arguments.largest < _LEAST:
        raise ConfigError(
            f"{arguments.largest} characters are too few", where="--largest", hint=f"give {_LEAST} or more"
        )
    with tempfile.TemporaryDirectory(prefix="mem1-mcp-") as folder:
        toolbox = _toolbox(arguments, Path(folder))
        most = arguments.largest + _LEAST  # beside what a tool says of where to read on
        if not arguments.http:
            asyncio.run(serve_stdio(toolbox, largest=most))
        else:
            serve_http(toolbox, limits, largest=most, on_start=functools.partial(_tell, arguments.json))
    return 0


def _toolbox(arguments: argparse.Namespace, indexes: Path) -> Toolbox:
    """Everything that is served. Raises ``ConfigError`` where nothing is."""
    overrides = overrides_of(arguments)
    further: list[tuple[str, ToolSource]] = []
    if arguments.retriever is not None:
        recipe = load(Recipe, arguments.retriever)
        make = functools.partial(open_retriever, recipe)
        further.append(("retriever", Corpus(make, name=arguments.retriever.stem)))
    has_model = any(one.startswith("engine") for one in overrides)
    if has_model or arguments.config is not None or arguments.session is not None:
        tools, agent = _agent(arguments, overrides)
        further.append(("agent", agent))
    else:
        tools = load(ToolsConfig, None, _without_a_model(overrides))
    if not further and not (tools.files or tools.corpus or tools.mcp or tools.web):
        raise ConfigError(
            "what is to be served?",
            where="mem1 serve mcp",
            hint="--corpus FILE, --files DIR, --web, --retriever RECIPE; --url URL for an agent",
        )
    return build_toolbox(
        tools, indexes=indexes, largest=arguments.largest, further=further, seconds=_LONGEST, at_once=_AT_ONCE
    )


def _agent(arguments: argparse.Namespace, overrides: list[str]) -> tuple[ToolsConfig, ToolSource]:
    """The agent of a session, and the tools of its settings."""
    from mem1.cli.live import Display
    from mem1.run.service import AgentService
    from mem1.run.start.open import open_session
    from mem1.run.start.window import with_window

    folder = arguments.session or Path("sessions") / time.strftime("%Y%m%d-%H%M%S-mcp")
    config, _ = open_session(folder, arguments.config, overrides, [], later=True)
    assert config is not None  # whoever else works there, open_session says so
    display = Display()
    display.note(f"session: {folder}")
    return config.tools, AgentService(folder, lambda: with_window(config, display.note), display)


def _without_a_model(overrides: list[str]) -> list[str]:
    """The overrides as keys of the tools alone."""
    for one in overrides:
        if not one.startswith("tools."):
            raise ConfigError(
                f"{one.partition('=')[0]} is the agent's, and there is none without a model",
                where="mem1 serve mcp",
                hint="name its server: --url URL",
            )
    return [one.removeprefix("tools.") for one in overrides]


def _tell(as_json: bool, address: str) -> None:
    output.show({"mcp": address, "end with": "Ctrl-C or SIGTERM"}, as_json=as_json)


def _parts() -> tuple[Any, Any]:
    """The parts that need the packages of the extra ``mcp``."""
    with packages("mem1 serve mcp", "mcp"):
        from mem1.tools.mcp.app import serve_http
        from mem1.tools.mcp.server import serve_stdio
    return serve_stdio, serve_http
