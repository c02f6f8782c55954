"""``mem1 evaluate RECIPE``: every strategy on the same tasks, over growing horizons."""

from __future__ import annotations

import argparse

from mem1.cli import output
from mem1.cli.arguments import Parser


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe()


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, then print the summary."""
    from mem1 import recipes  # torch

    summary = recipes.evaluate(arguments.recipe, arguments.overrides, run=arguments.run, resume=arguments.resume)
    output.show(summary, as_json=arguments.json, title="evaluated")
    return 0
