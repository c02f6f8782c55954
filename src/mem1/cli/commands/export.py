"""``mem1 export RUN DIR``: the trained model as a plain Hugging Face folder."""

from __future__ import annotations

import argparse
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import Parser, alone


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("run", metavar="RUN", type=Path, help="a run directory with checkpoints")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a new folder")
    parser.add_argument(
        "--dtype", choices=("float32", "float16", "bfloat16"), help="how weights are stored (default float32)"
    )
    parser.add_argument(
        "--checkpoint", metavar="WHICH", default="latest", help="latest (default), best on the watched tasks, or a step"
    )
    parser.add_argument(
        "--adapter", action="store_true", help="write a low-rank adapter alone instead of merging it into its model"
    )
    parser.add_argument(
        "--average",
        metavar="MODEL",
        nargs="+",
        help="take the mean of the run's weights and these models', which were trained from the same one",
    )


def run(arguments: argparse.Namespace) -> int:
    """Export, then print where and from which step."""
    if arguments.adapter:
        given = {"--dtype": arguments.dtype, "--average": arguments.average}
        alone("--adapter", given, where="mem1 export", why="writes float32, as it was trained")
    from mem1 import commands  # torch

    summary = commands.export(
        arguments.run,
        arguments.folder,
        dtype=arguments.dtype or "float32",
        adapter=arguments.adapter,
        checkpoint=arguments.checkpoint,
        average=arguments.average or (),
    )
    output.show(summary, as_json=arguments.json, title="exported")
    return 0
