"""``mem1 compose RECIPE``: the tasks of a recipe as JSON lines, to read or to keep; with ``--json`` as one list."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import Parser, alone
from mem1.errors import ConfigError


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(writes_run=False)
    parser.add_argument("--out", metavar="FILE", type=Path, help="write there instead of standard output")
    parser.add_argument("--parquet", metavar="FILE", type=Path, help="write Parquet as Search-R1 and MEM1 read it")
    parser.add_argument(
        "--data-source",
        metavar="NAME",
        help="with --parquet: the reward function that a trainer is to take; by default one that there is",
    )
    parser.add_argument(
        "--coverage", action="store_true", help="print for each source whether its answers can be given"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write one task a line, or the list of all, or Parquet; or print what can be answered."""
    files = {"--out": arguments.out, "--parquet": arguments.parquet}
    if arguments.coverage:
        alone("--coverage", files, where="mem1 compose", why="prints and writes no tasks")
    if arguments.parquet is not None:
        alone("--parquet", {"--out": arguments.out}, where="mem1 compose", why="writes its own file")
    elif arguments.data_source is not None:
        raise ConfigError(
            "--data-source stands in Parquet", where="mem1 compose", hint="add --parquet FILE, or drop it"
        )
    from mem1 import commands
    from mem1.storage.atomic import write_atomic

    if arguments.coverage:
        output.show(commands.answerable(arguments.recipe, arguments.overrides), as_json=arguments.json)
        return 0
    if arguments.parquet is not None:
        count = commands.compose_parquet(
            arguments.recipe, arguments.overrides, arguments.parquet, data_source=arguments.data_source
        )
        output.show({"tasks": count, "file": str(arguments.parquet)}, as_json=arguments.json)
        return 0
    lines = [task.model_dump_json() for task in commands.compose(arguments.recipe, arguments.overrides)]
    text = "".join(f"{line}\n" for line in lines)
    if arguments.out is None and arguments.json:
        output.show([json.loads(line) for line in lines], as_json=True)
    elif arguments.out is None:
        sys.stdout.write(text)
    else:
        write_atomic(arguments.out, text.encode())
        output.show({"tasks": len(lines), "file": str(arguments.out)}, as_json=arguments.json)
    return 0
