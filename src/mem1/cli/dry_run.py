"""``--dry-run``: what a command would take, in place of doing it."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from mem1.cli import output
from mem1.progress import short, span


def dry_run(command: str, arguments: argparse.Namespace, overrides: Iterable[str] | None = None) -> int:
    """Print the forecast of a command that runs a recipe. ``overrides``: where they are not just those given."""
    from mem1 import commands  # torch

    found = commands.forecast(command, arguments.recipe, arguments.overrides if overrides is None else overrides)
    found["notes"] += _unheeded(arguments)
    if arguments.json:
        output.show(found, as_json=True)
        return 0
    timed = any(row["seconds"] is not None for row in found["parts"])
    output.show(
        [_for_people(row, timed=timed) for row in found["parts"]], as_json=False, title=f"mem1 {command} would take"
    )
    for line in found["notes"]:
        output.note(line)
    return 0


def _unheeded(arguments: argparse.Namespace) -> list[str]:
    """What of the command line the amounts leave out of account."""
    found = ["--resume: what the run has done already is among it"] if arguments.resume else []
    limits = {"--max-calls": arguments.max_calls, "--max-cost": arguments.max_cost}
    return found + [
        f"{name} {value:g}: it ends there, however much is left" for name, value in limits.items() if value is not None
    ]


def _for_people(row: Mapping[str, Any], *, timed: bool) -> dict[str, Any]:
    """What is usual and what is possible in one column each, time and money first, so that all fits 80 columns."""
    money = row["currency"]
    named = {"calls": ("calls", 1), **({money: ("cost", 0)} if money else {}), "tokens": ("tokens", 1)}
    found: dict[str, Any] = {"part": row["part"], "episodes": f"{row['episodes']:,}"}
    if timed:
        found["time"] = "" if row["seconds"] is None else f"~{span(row['seconds'])}"
    for title, (key, whole) in named.items():
        usual, most = (_amount(row[name], whole=bool(whole)) for name in (key, f"{key} at most"))
        found[title] = f"{usual} to {most}" if usual else f"up to {most}"
    return found


def _amount(value: float | None, *, whole: bool) -> str:
    if value is None:
        return ""
    return short(value) if whole else f"{value:,.2f}"
