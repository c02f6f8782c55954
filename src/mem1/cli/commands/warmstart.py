"""``mem1 warmstart RECIPE``: supervised training on demonstrations, so that a policy can write the format."""

from __future__ import annotations

import argparse

from mem1.cli import output
from mem1.cli.arguments import INTERRUPTED, Parser
from mem1.cli.dry_run import dry_run


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe()


def run(arguments: argparse.Namespace) -> int:
    """Train, then print the run's summary. A run that Ctrl-C ended early is printed and then ends as interrupted."""
    if arguments.dry_run:
        return dry_run("warmstart", arguments)
    from mem1 import commands  # torch

    summary = commands.warmstart(arguments.recipe, arguments.overrides, run=arguments.run, resume=arguments.resume)
    output.show(summary, as_json=arguments.json, title="warm-started")
    return INTERRUPTED if summary.get("interrupted") else 0
