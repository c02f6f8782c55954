"""``mem1 index RECIPE`` or ``mem1 index CORPUS --out DIR``: write what a retriever reads from disk."""

from __future__ import annotations

import argparse
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.errors import ConfigError


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe(writes_run=False)
    parser.usage = f"{parser.prog} RECIPE | CORPUS --out DIR [--type TYPE] [options]"
    parser.epilog = (
        "With a corpus (JSON lines, plain or .gz) --set takes the keys of the retriever: --set encoder=package:minilm"
    )
    parser.add_argument("--out", metavar="DIR", type=Path, help="the index's folder, for a corpus")
    parser.add_argument("--type", metavar="TYPE", help="bm25_disk (default) or dense, for a corpus")
    parser.add_argument("--resume", action="store_true", help="go on with a build that was cut off")


def run(arguments: argparse.Namespace) -> int:
    """Build with a bar, then print what is there and how large it is."""
    from mem1.cli.bars import bars
    from mem1.runtime import indexing

    target: Path = arguments.recipe
    if target.suffix == ".toml" or (arguments.out is None and not target.is_file()):  # a name of a shipped recipe
        if arguments.out is not None:
            raise ConfigError("a recipe names its index itself", where="--out", hint="set retriever.index")
        if arguments.type is not None:
            raise ConfigError("a recipe names its retriever itself", where="--type", hint="set retriever.type")
        retriever = indexing.of_recipe(target, arguments.overrides)
    else:
        retriever = indexing.of_corpus(target, arguments.out, arguments.type or "bm25_disk", arguments.overrides)
    with bars() as report:
        summary = indexing.make(retriever, resume=arguments.resume, report=report)
    output.show(summary, as_json=arguments.json, title="indexed")
    return 0
