"""``mem1 sweep COMMAND RECIPE --key A,B --seeds N``: a run for each combination of values and each seed."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import time
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import INTERRUPTED, Parser, alone, positive
from mem1.cli.many.members import Member, members
from mem1.cli.many.runs import settings_rows
from mem1.errors import ConfigError, IncompleteError, StorageError

COMMANDS = ("train", "evaluate", "warmstart", "distill", "demo")
PLAN, DONE = "sweep.json", "sweep-done.json"


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("command", metavar="COMMAND", choices=COMMANDS, help=", ".join(COMMANDS))
    parser.add_recipe(writes_run=False)
    parser.usage = f"{parser.prog} COMMAND RECIPE [--seeds N] [--section.key A,B ...] [options]"
    parser.epilog = (
        "Commas outside of brackets and quotes stand between the values of a key, and each combination is run with "
        "each seed, in a process of its own; one that fails does not end the others. A list is one value: [1,2],[4]."
    )
    parser.add_argument("--seeds", metavar="N", type=positive, default=1, help="how many seeds (default 1)")
    parser.add_argument("--first-seed", metavar="K", type=int, help="the first of them (default: the recipe's)")
    parser.add_argument("--into", metavar="DIR", type=Path, help="the folder of its runs (default: a new one in runs/)")
    parser.add_argument("--resume", action="store_true", help="go on with the sweep in --into: finished runs are kept")
    parser.add_argument("--print", action="store_true", dest="only_print", help="print the commands for a scheduler")


def run(arguments: argparse.Namespace) -> int:
    """Run the members one after another, then print a row for each set of settings; or print their commands."""
    from mem1.config import load
    from mem1.recipe import Recipe

    recipe = load(Recipe, arguments.recipe)
    first = recipe.seed if arguments.first_seed is None else arguments.first_seed
    every = members(arguments.overrides, range(first, first + arguments.seeds))
    for one in every:  # a mistake in the last one is not found after hours
        load(Recipe, arguments.recipe, one.overrides)
    if arguments.resume and arguments.into is None:
        raise ConfigError("which sweep to resume?", where="--resume", hint="name its folder: --into DIR --resume")
    folder = arguments.into or recipe.runs / f"sweep-{recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    if arguments.only_print:
        alone("--print", {"--resume": arguments.resume}, where="mem1 sweep", why="prints every command")
        return _print(arguments, folder, every)
    from mem1.storage.guards.lock import locked

    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        _keep_plan(arguments, folder, every)
        failed = _all(arguments, folder, every)
    if failed is None:
        output.note(f"stopped; it goes on with the same command and --into {folder} --resume")
        return INTERRUPTED
    _show(arguments, folder, failed)
    return IncompleteError.exit_code if failed else 0


def _print(arguments: argparse.Namespace, folder: Path, every: list[Member]) -> int:
    lines = [one.line(arguments.command, str(arguments.recipe), folder, flags=_flags(arguments)) for one in every]
    if arguments.json:
        output.show([{"name": one.name, "command": line} for one, line in zip(every, lines, strict=True)], as_json=True)
    else:
        print("\n".join(lines))
    return 0


def _flags(arguments: argparse.Namespace) -> list[str]:
    """What of the command line is the members' too."""
    given = {"--quiet": arguments.quiet, "--verbose": arguments.verbose, "--allow-imports": arguments.allow_imports,
             "--debug": arguments.debug}  # fmt: skip
    return [flag for flag, wanted in given.items() if wanted]


def _keep_plan(arguments: argparse.Namespace, folder: Path, every: list[Member]) -> None:
    """Write down what the sweep is, or see that it is the one in ``folder``. Raises ``ConfigError``."""
    from mem1.storage.atomic import read_json, write_json

    plan = {
        "command": arguments.command,
        "recipe": str(arguments.recipe),
        "members": {one.name: list(one.overrides) for one in every},
    }
    path = folder / PLAN
    if not arguments.resume:
        if path.exists():
            raise ConfigError(
                "there is a sweep already", where=str(path), hint="go on with it (--resume), or elsewhere"
            )
        write_json(path, plan)
        return
    kept = read_json(path)
    if kept != plan:
        differing = [key for key in plan if not isinstance(kept, dict) or kept.get(key) != plan[key]]
        raise ConfigError(
            f"the sweep was begun with other {', '.join(differing)}",
            where=str(path),
            hint="resume it with the keys and seeds it was begun with, or begin another one",
        )


def _all(arguments: argparse.Namespace, folder: Path, every: list[Member]) -> dict[str, int] | None:
    """Run what is not finished; the exit codes of those that failed, ``None`` where Ctrl-C ended it."""
    from mem1.report.listing.index import is_run
    from mem1.storage.atomic import read_json, write_json

    done = folder / DONE
    finished = read_json(done) if arguments.resume and done.is_file() else []
    if not isinstance(finished, list):
        raise StorageError(
            f"{DONE} holds no list of runs",
            where=str(done),
            hint="delete it: finished runs are looked through again",
        )
    failed: dict[str, int] = {}
    for number, one in enumerate(every, start=1):
        place = f"{number}/{len(every)} {one.name}"
        if one.name in finished:
            output.note(f"{place}: finished before")
            continue
        output.note(place)
        words = one.words(arguments.command, str(arguments.recipe), folder, flags=_flags(arguments))
        code = _started([*words, *(["--resume"] if is_run(folder / one.name) else [])])
        if code in (INTERRUPTED, -signal.SIGINT):
            return None
        if code:
            failed[one.name] = code
            output.warn(f"{place} failed with exit code {code}; the others go on")
        else:
            finished.append(one.name)
            write_json(done, finished)
    return failed


def _started(words: list[str]) -> int:
    """Run ``mem1`` in a process of its own, whose results go where ours do not: they are in its run."""
    process = subprocess.Popen([sys.executable, "-m", "mem1", *words], stdout=subprocess.DEVNULL)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # it had the signal too, and comes to its own end


def _show(arguments: argparse.Namespace, folder: Path, failed: dict[str, int]) -> None:
    from mem1.report.listing.index import RunsIndex
    from mem1.report.listing.seeds import over_seeds

    index = RunsIndex(folder)
    rows = settings_rows(over_seeds(index, index.runs()), as_json=arguments.json)
    if arguments.json:
        output.show({"folder": str(folder), "failed": failed, "settings": rows}, as_json=True)
        return
    output.show(rows, as_json=False, title=str(folder))
    output.note(f"each run: mem1 runs {folder}")
