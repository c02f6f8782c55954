"""``mem1 views MODEL``: how far each training view is from what the policy saw."""

from __future__ import annotations

import argparse

from mem1.cli import output
from mem1.cli.arguments import Parser, positive


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("model", metavar="MODEL", help="a directory, builtin:NAME or package:smollm2")
    parser.add_argument("--turns", type=positive, default=6, help="turns of each episode (default 6)")
    parser.add_argument("--episodes", type=positive, default=4, help="episodes that are sampled (default 4)")
    parser.add_argument("--seed", type=int, default=0)


def run(arguments: argparse.Namespace) -> int:
    """Sample episodes, evaluate every view on them, print one row a view."""
    from mem1 import commands  # torch

    rows = commands.views(arguments.model, turns=arguments.turns, episodes=arguments.episodes, seed=arguments.seed)
    output.show(rows, as_json=arguments.json, title=f"training views of {arguments.model}")
    return 0
