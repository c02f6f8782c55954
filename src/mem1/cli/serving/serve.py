"""``mem1 serve SERVICE``: a service for other programs, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import importlib
from typing import TYPE_CHECKING, cast

from mem1.cli.arguments import Parser
from mem1.cli.main import call

if TYPE_CHECKING:
    from mem1.cli.main import Command

SERVICES = {
    "mcp": "files, corpora, the web, any retriever and an agent as tools of the Model Context Protocol",
    "retrieve": "passage search over HTTP, as Search-R1, MEM1 and verl ask for it",
    "webshop": "the web shop as a page in a browser, for people",
    "agentgym": "the web shop as AgentGym's JSON service, for its clients",
}
"""Each service is a module of its name beside this one, with ``configure`` and ``run`` like any command."""


def configure(parser: Parser) -> None:
    """Arguments of the command: the service, and whatever that service takes."""
    parser.usage = f"{parser.prog} SERVICE [options]"
    parser.epilog = "Services: " + "; ".join(f"{name}: {text}" for name, text in SERVICES.items()) + "."
    parser.add_argument("service", metavar="SERVICE", choices=list(SERVICES), help=", ".join(SERVICES))
    parser.add_argument("rest", metavar="...", nargs=argparse.REMAINDER, help="see mem1 serve SERVICE --help")


def run(arguments: argparse.Namespace) -> int:
    """Hand over to the service."""
    name = arguments.service
    command = cast("Command", importlib.import_module(f"mem1.cli.serving.{name}"))
    text = SERVICES[name]
    parser = Parser(prog=f"mem1 serve {name}", description=f"{text[0].upper()}{text[1:]}.")
    command.configure(parser)
    found = parser.parse(arguments.rest)
    found.json, found.debug = found.json or arguments.json, found.debug or arguments.debug
    return call(command, found)
