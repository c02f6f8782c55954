"""``mem1 demo``: recipes/demo.toml from end to end."""

from __future__ import annotations

import argparse
from pathlib import Path

from mem1.cli import checkout, output
from mem1.cli.arguments import Parser


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(default=Path("recipes/demo.toml"))


def run(arguments: argparse.Namespace) -> int:
    """Run the demonstration, then print what it found."""
    recipe: Path = arguments.recipe if arguments.recipe.exists() else checkout.find(str(arguments.recipe))

    from mem1 import commands  # torch

    summary = commands.demo(recipe, arguments.overrides, run=arguments.run, resume=arguments.resume)
    output.show(summary, as_json=arguments.json, title="demo")
    return 0
