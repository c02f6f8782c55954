"""``mem1 demo``: the recipe ``demo`` from end to end."""

from __future__ import annotations

import argparse
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.cli.dry_run import dry_run
from mem1.errors import IncompleteError


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(default=Path("demo"))


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration, then print what it found."""
    if arguments.dry_run:
        return dry_run("demo", arguments)
    from mem1 import commands  # torch

    summary = commands.demo(arguments.recipe, arguments.overrides, run=arguments.run, resume=arguments.resume)
    shown = summary if arguments.json else {name: value for name, value in summary.items() if name != "findings"}
    output.show(shown, as_json=arguments.json, title="demo")
    for text in summary["findings"]:
        output.warn(text)
    return IncompleteError.exit_code if summary["failed"] else 0
