"""``mem1 demo``: recipes/demo.toml from end to end."""

from __future__ import annotations

import argparse
from pathlib import Path

from mem1.cli import checkout, output
from mem1.cli.arguments import Parser
from mem1.errors import IncompleteError


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(default=Path("recipes/demo.toml"))


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration, then print what it found."""
    recipe: Path = arguments.recipe if arguments.recipe.exists() else checkout.find(str(arguments.recipe))

    from mem1 import commands  # torch

    summary = commands.demo(recipe, arguments.overrides, run=arguments.run, resume=arguments.resume)
    shown = summary if arguments.json else {name: value for name, value in summary.items() if name != "findings"}
    output.show(shown, as_json=arguments.json, title="demo")
    for text in summary["findings"]:
        output.warn(text)
    return IncompleteError.exit_code if summary["failed"] else 0
