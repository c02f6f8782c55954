"""``mem1 bench [NAME ...]``: run the benchmarks of the checkout."""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from mem1.cli import checkout, output
from mem1.cli.arguments import Parser, alone
from mem1.errors import ConfigError

Benchmark = Callable[..., Mapping[str, float | str]]
_SHOWN = ("packing", "continuous_batching", "loop_overhead", "cli_start")


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="which ones (default: those that README shows)")
    parser.add_argument("--all", action="store_true", help="every one: takes an hour, and all extras")
    parser.add_argument("--quick", action="store_true", help="smaller, for a first look: figures are rougher")
    parser.add_argument("--recipe", type=Path, help="for benchmarks of a recipe (learning)")
    parser.add_argument("--run", type=Path, metavar="FOLDER", help="keep the runs there, and go on with what was begun")
    parser.add_argument("--list", action="store_true", help="only list what there is")


def run(arguments: argparse.Namespace) -> int:
    """Run the benchmarks named, one after the other, and print each as it ends."""
    found = {path.stem: path for path in sorted(checkout.find("benchmarks").glob("[a-z]*.py"))}
    unknown = [name for name in arguments.names if name not in found]
    if unknown:
        raise ConfigError(f"no such benchmark: {', '.join(unknown)}", hint=f"there are {', '.join(found)}")
    if arguments.list:
        output.show([{"name": name} for name in found], as_json=arguments.json)
        return 0
    if arguments.all:
        alone("--all", {"NAME": arguments.names}, where="mem1 bench", why="runs every benchmark")
    results: dict[str, Mapping[str, float | str]] = {}
    for name in arguments.names or (found if arguments.all else _SHOWN):
        results[name] = _started(load(found[name]), name, arguments)
        if not arguments.json:
            output.show(results[name], as_json=False, title=name)
    if arguments.json:
        output.show(results, as_json=True)
    return 0


def _started(benchmark: Benchmark, name: str, arguments: argparse.Namespace) -> Mapping[str, float | str]:
    given = {"recipe": arguments.recipe, "runs": arguments.run}
    chosen = {key: value for key, value in given.items() if value is not None}
    if not chosen.keys() <= inspect.signature(benchmark).parameters.keys():
        raise ConfigError(
            f"{name} takes no --recipe and no --run", hint="learning does: mem1 bench learning --recipe X"
        )
    return benchmark(arguments.quick, **chosen)


def load(path: Path) -> Benchmark:
    """The function ``run(quick)`` of a benchmark's file; some take ``recipe`` and ``runs`` too.

    What it imports of the checkout (``benchmarks``, ``tests``) is found from wherever the command is run.
    """
    root = str(path.resolve().parents[1])
    if root not in sys.path:
        sys.path.append(root)
    spec = importlib.util.spec_from_file_location(f"benchmarks.{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError("not a Python file", where=str(path), hint="give the name of a benchmark")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look their own module up
    spec.loader.exec_module(module)
    return cast("Benchmark", module.run)
