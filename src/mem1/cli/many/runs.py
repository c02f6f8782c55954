"""``mem1 runs [FOLDER]``: the runs below a folder; with ``--over-seeds`` a row for each set of settings."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mem1.cli import output
from mem1.cli.arguments import Parser, alone

if TYPE_CHECKING:
    from mem1.report.listing.seeds import SettingsRow
    from mem1.report.listing.summary import RunSummary

FILTERS = ("name", "status", "recipe", "model", "strategy", "seed", "settings")
ORDERS = ("changed", "name", "score", "seconds", "steps")


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", default=Path("runs"), help="where runs are (default: runs)"
    )
    parser.add_argument(
        "--where",
        metavar="COLUMN=PATTERN",
        action="append",
        default=[],
        type=_filter,
        help=f"only runs whose {', '.join(FILTERS[:-1])} or settings match; * stands for anything",
    )
    parser.add_argument("--sort", choices=ORDERS, help="largest or newest first; names from a on (default: changed)")
    parser.add_argument("--over-seeds", action="store_true", help="a row for each set of settings: mean and interval")


def run(arguments: argparse.Namespace) -> int:
    """List, then print what could not be read of the runs listed."""
    if arguments.over_seeds:
        alone("--over-seeds", {"--sort": arguments.sort}, where="mem1 runs", why="puts the best mean first")
    from mem1.report.listing.index import RunsIndex
    from mem1.report.listing.seeds import over_seeds
    from mem1.report.listing.summary import place

    index = RunsIndex(arguments.folder)
    found = [one for one in index.runs() if all(_matches(one, *wanted) for wanted in arguments.where)]
    found.sort(key=lambda one: place(one, arguments.sort or "changed"))
    if arguments.over_seeds:
        rows = settings_rows(over_seeds(index, found), as_json=arguments.json)
        output.show(rows, as_json=arguments.json, title=str(arguments.folder))
    elif arguments.json:
        output.show([_record(one, index.path(one.name)) for one in found], as_json=True)
    else:
        output.show([_row(one) for one in found], as_json=False, title=str(arguments.folder))
    if not found:
        output.note("no run matches" if arguments.where else "no run here")
    for one in found:
        for problem in one.problems:
            output.warn(f"{one.name}: {problem}")
    return 0


def _filter(text: str) -> tuple[str, str]:
    column, equals, pattern = text.partition("=")
    if not equals or column not in FILTERS:
        raise argparse.ArgumentTypeError(f"{text!r}: write COLUMN=PATTERN, with one of {', '.join(FILTERS)}")
    return column, pattern


def _matches(run: RunSummary, column: str, pattern: str) -> bool:
    value = getattr(run, column)
    return value is not None and fnmatchcase(str(value), pattern)


def _row(run: RunSummary) -> dict[str, Any]:
    """For people: what one looks for first comes first, as narrow terminals leave out the rest."""
    score = run.score
    return {
        "run": run.name,
        "status": str(run.status),
        "score": None if score is None else score.metric.mean,
        "steps": _steps(run),
        "seed": run.seed,
        "horizon": run.horizon,
        "took": _took(run.seconds),
        "model": run.model,
        "strategy": run.strategy,
        "of": _of(run),
        "episodes": run.episodes,
        "failed": run.failed or None,
        "written": time.strftime("%Y-%m-%d %H:%M", time.localtime(run.changed)) if run.changed else None,
    }


def _record(run: RunSummary, path: Path | None) -> dict[str, Any]:
    """For machines: all of the summary but the cells of its evaluations."""
    found = {key: value for key, value in asdict(run).items() if key not in ("evaluations", "score")}
    score = None
    if run.score is not None:
        score = asdict(run.score) | {"metric": run.score.metric.model_dump()}
    labels = [{"label": one.label, "version": one.version, "complete": one.complete} for one in run.evaluations]
    return found | {"path": str(path) if path is not None else None, "score": score, "evaluations": labels}


def settings_rows(rows: Sequence[SettingsRow], *, as_json: bool) -> list[dict[str, Any]]:
    """A row for each set of settings: all of it for machines, what is readable for people."""
    return [_settings(row) if as_json else _readable(row) for row in rows]


def _settings(row: SettingsRow) -> dict[str, Any]:
    of = row.of
    return {
        "differing": dict(row.differing),
        "settings": row.runs[0].settings,
        "runs": [one.name for one in row.runs],
        "seeds": [one.seed for one in row.scored],
        "unfinished": row.unfinished,
        "measure": of.measure if of else None,
        "source": of.source if of else None,
        "objectives": of.objectives if of else None,
        "score": row.score.model_dump(exclude={"p"}) if row.score else None,
    }


def _readable(row: SettingsRow) -> dict[str, Any]:
    return {
        **({key.rsplit(".", 1)[-1]: value for key, value in row.differing.items()} or {"settings": "the same"}),
        "score": row.score.mean if row.score else None,
        "95 %": _interval(row),
        "seeds": len(row.scored),
        "unfinished": row.unfinished or None,
        "of": _of(row.runs[0]),
    }


def _interval(row: SettingsRow) -> str:
    score = row.score
    if score is None or score.low is None or score.high is None:
        return ""
    return f"{score.low:.3f} to {score.high:.3f}"


def _of(run: RunSummary) -> str | None:
    score = run.score
    if score is None:
        return None
    return f"{score.measure} ({score.source}{f', {score.objectives} objectives' if score.objectives else ''})"


def _steps(run: RunSummary) -> str | None:
    if run.steps is None:
        return None
    return f"{run.steps}/{run.planned}" if run.planned is not None else str(run.steps)


def _took(seconds: float | None) -> str | None:
    from mem1.progress import span

    return None if seconds is None else span(seconds)
