"""``mem1 distill RECIPE``: a teacher works through the recipe's tasks; what it did well becomes demonstrations."""

from __future__ import annotations

import argparse

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.cli.dry_run import dry_run


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe()


def run(arguments: argparse.Namespace) -> int:
    """Distill, then print what was kept and why the rest was not."""
    if arguments.dry_run:
        return dry_run("distill", arguments)
    from mem1 import commands  # torch

    summary = commands.distill(arguments.recipe, arguments.overrides, run=arguments.run, resume=arguments.resume)
    output.show(summary, as_json=arguments.json, title="distilled")
    return 0
