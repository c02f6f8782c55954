"""``mem1 evaluate RECIPE``: every strategy on the same tasks, over growing horizons."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from mem1.cli import output
from mem1.cli.arguments import Parser, positive
from mem1.cli.dry_run import dry_run
from mem1.errors import ConfigError, IncompleteError


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_recipe()
    parser.add_argument(
        "--compare",
        action="store_true",
        help="run all memory strategies, print what each costs and saves, write a report",
    )
    parser.add_argument("--baseline", metavar="STRATEGY", help="with --compare: what the others are set against (full)")
    parser.add_argument(
        "--equal-budget",
        metavar="TOKENS",
        nargs="?",
        const="state",
        type=_budget,
        help="the same largest context, prompt left out, for every strategy; without a number the bound of 'state'",
    )
    parser.add_argument(
        "--checkpoints",
        metavar="WHICH",
        help="RECIPE is a run: its checkpoints all, best, latest, or steps after commas, each in turn",
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate, then print the summary, or with ``--compare`` the verdict.

    The exit code is that of ``IncompleteError`` where episodes failed: all else is printed and written nevertheless.
    """
    overrides = [*_overrides(arguments), *arguments.overrides]  # what is said key by key comes last and holds
    if arguments.checkpoints is not None:
        _refuse_unheeded(arguments, overrides)
    if arguments.dry_run:
        return dry_run("evaluate", arguments, overrides)
    if arguments.checkpoints is not None:
        return _checkpoints(arguments, overrides)
    from mem1 import commands  # torch

    command = commands.compare if arguments.compare else commands.evaluate
    found = command(arguments.recipe, overrides, run=arguments.run, resume=arguments.resume)
    if not arguments.json:
        output.show([_labelled(cell) for cell in found["cells"]], as_json=False, title="evaluated")
        if found["remembered"]:
            output.show(found["remembered"], as_json=False, title="what was remembered")
        if found["ceiling"]:
            output.show(
                found["ceiling"], as_json=False, title="an objective, beside the scripted expert's: what tasks allow"
            )
    elif arguments.compare:
        keys = ("report", "verdicts", "cells", "retention", "ceiling", "failed", "findings")
        output.show({key: found[key] for key in keys}, as_json=True)
    else:
        output.show(found["cells"], as_json=True)
    if arguments.compare and not arguments.json:
        _show_verdicts(found)
    # Last, where they are seen; on standard error, so that JSON stays one document.
    for text in found["findings"]:
        output.warn(text)
    return IncompleteError.exit_code if found["failed"] else 0


def _checkpoints(arguments: argparse.Namespace, overrides: list[str]) -> int:
    """Evaluate checkpoints of a run, then print a row for each of their cells."""
    from mem1 import commands  # torch

    found = commands.evaluate_checkpoints(
        arguments.recipe, overrides, of=arguments.checkpoints, run=arguments.run, resume=arguments.resume
    )
    rows = [{"checkpoint": name} | cell for name, one in found for cell in one["cells"]]
    shown = rows if arguments.json else [_labelled(row) for row in rows]
    output.show(shown, as_json=arguments.json, title=f"checkpoints of {arguments.recipe}")
    for name, one in found:
        for text in one["findings"]:
            output.warn(f"{name}: {text}")
    return IncompleteError.exit_code if any(one["failed"] for _, one in found) else 0


def _refuse_unheeded(arguments: argparse.Namespace, overrides: list[str]) -> None:
    """Raise ``ConfigError`` for what evaluations of checkpoints would not heed."""
    if arguments.compare:
        raise ConfigError(
            "one checkpoint is compared", where="--checkpoints", hint="--compare --model CHECKPOINT/model"
        )
    if arguments.dry_run:
        raise ConfigError(
            "what one checkpoint takes the others take too, and a run's own recipe says it",
            where="--checkpoints, --dry-run",
            hint=f"mem1 evaluate {arguments.recipe}/config.toml --dry-run, times the checkpoints",
        )
    if any(one.lstrip("!").partition("=")[0] == "model" for one in overrides):
        raise ConfigError(
            "the model is that of each checkpoint", where="--checkpoints, --model", hint="drop one of them"
        )


def _show_verdicts(found: Mapping[str, Any]) -> None:
    from mem1.evaluation.records import FEWEST_FOR_VERDICT

    if found["costs"]:
        output.show(found["quality"], as_json=False, title="what it costs: quality less the baseline's")
        output.show(found["costs"], as_json=False, title="what it saves: multiples of the baseline's")
        output.note(
            f"* the interval excludes 0 (differences) or 1 (multiples), n at least {FEWEST_FOR_VERDICT}, and it "
            "holds among all these comparisons together (Holm); the report has all intervals"
        )
    output.note(f"report: {found['report']}")


def _labelled(cell: Mapping[str, Any]) -> dict[str, Any]:
    """A row for people: short names, so that what comes first fits 80 columns."""
    return {"answered" if name == "answer_rate" else name: value for name, value in cell.items()}


def _overrides(arguments: argparse.Namespace) -> list[str]:
    found = []
    if arguments.compare:
        found.append("evaluate.strategies=all")
    if arguments.baseline is not None:
        found.append(f"evaluate.baseline={arguments.baseline}")
    if arguments.equal_budget is not None:
        found.append(f"evaluate.equal_budget={arguments.equal_budget}")
    return found


def _budget(text: str) -> str:
    return text if text == "state" else str(positive(text))
