"""``mem1 train RECIPE``: reinforcement learning."""

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
        return dry_run("train", arguments)
    from mem1 import commands  # torch

    summary = commands.train(arguments.recipe, arguments.overrides, run=arguments.run, resume=arguments.resume)
    output.show(summary, as_json=arguments.json, title="trained")
    return INTERRUPTED if summary.get("interrupted") else 0
