"""The options of an agent of one's own, for every command that has one: its model, its tools, its limits."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping

from mem1.cli.arguments import Parser
from mem1.errors import ConfigError

_SEARCH: Mapping[str, str] = {"serper": "SERPER_API_KEY", "brave": "BRAVE_API_KEY", "tavily": "TAVILY_API_KEY"}
"""Whom ``--web`` asks: the first whose key is there."""


def add_options(parser: Parser) -> None:
    """Add them, and every key of the settings."""
    engine = parser.add_argument_group("the model")
    engine.add_argument("--url", metavar="URL", help="an OpenAI-compatible server; stands for engine.base_url")
    engine.add_argument("--model", metavar="NAME", help="the model's name there (default: the first that it serves)")
    engine.add_argument("--key-env", metavar="NAME", help="environment variable with the server's key")
    tools = parser.add_argument_group("tools")
    tools.add_argument("--files", metavar="DIR", action="append", default=[], help="a folder to search and read")
    tools.add_argument("--corpus", metavar="FILE", action="append", default=[], help="a corpus to search")
    tools.add_argument(
        "--mcp", metavar="CMD|URL", action="append", default=[], help="an MCP server: command or address"
    )
    tools.add_argument(
        "--web", action="store_true", help=f"search the web and read pages; needs one of {', '.join(_SEARCH.values())}"
    )
    tools.add_argument("--only", metavar="NAMES", help="offer these tools only, after commas")
    limits = parser.add_argument_group("limits of a task")
    limits.add_argument("--max-turns", metavar="N", help="turns (default 100)")
    limits.add_argument("--max-tokens", metavar="N", help="tokens read and written")
    limits.add_argument("--max-cost", metavar="X", help="money, in the currency of engine.prices")
    parser.add_keys("mem1.run.config:RunConfig")


def overrides_of(arguments: argparse.Namespace) -> list[str]:
    """The short options as keys of the settings, then the keys that were given."""
    found: list[str] = []
    if arguments.url is not None:
        found += ["engine.type=openai", f"engine.base_url={arguments.url}"]
    short = {
        "model": arguments.model,
        "engine.key_env": arguments.key_env,
        "limits.turns": arguments.max_turns,
        "limits.tokens": arguments.max_tokens,
        "limits.cost": arguments.max_cost,
    }
    found += [f"{key}={value}" for key, value in short.items() if value is not None]
    if arguments.only:
        found.append(f"tools.only={_list(arguments.only.split(','))}")
    for key in ("files", "corpus"):
        if given := getattr(arguments, key):
            found.append(f"tools.{key}={_list(given)}")
    if arguments.mcp:
        servers = (f"{{ {_where(one)} = {_quoted(one)} }}" for one in arguments.mcp)
        found.append(f"tools.mcp=[{', '.join(servers)}]")
    if arguments.web:
        found += _web(arguments.overrides)
    return [*found, *arguments.overrides]


def _web(overrides: list[str]) -> list[str]:
    """The search service: as the keys say, else the one whose key is in the environment."""
    if any(one.startswith(("tools.web.search", "tools.web=")) for one in overrides):
        return []
    for name, variable in _SEARCH.items():
        if os.environ.get(variable, "").strip():
            return [f"tools.web.search.type={name}"]
    raise ConfigError(
        "which search service is to be asked? No key of one is in the environment",
        where="--web",
        hint=f"export one of {', '.join(_SEARCH.values())}, or name one of your own: --tools.web.search.type searxng "
        "--tools.web.search.base_url URL",
    )


def _where(server: str) -> str:
    return "url" if re.match(r"https?://", server) else "command"


def _list(values: list[str]) -> str:
    return f"[{', '.join(_quoted(value.strip()) for value in values)}]"


def _quoted(text: str) -> str:
    """``text`` as a string of TOML."""
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'
