"""``mem1 report RUN``: the run's report, or what changed from another run, from what is stored."""

from __future__ import annotations

import argparse
from itertools import groupby
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.errors import ConfigError, StorageError


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="a run directory")
    parser.add_argument("--paper", action="store_true", help="one report of all runs beside the published figures")
    parser.add_argument("--out", metavar="DIR", type=Path, help="where --paper writes (default: the first run)")
    parser.add_argument(
        "--against", metavar="BASE", type=Path, help="print what changed from the run BASE, paired by task, instead"
    )
    parser.add_argument("--picture", metavar="FILE", type=Path, help="also draw the headline charts as one SVG file")


def run(arguments: argparse.Namespace) -> int:
    """Write the report of each run into it and print where.

    A run with damaged episodes gets its report without the numbers made of them, and the exit code of damage.
    """
    if arguments.against is not None:
        return _against(arguments)
    if arguments.paper:
        return _beside_published(arguments)
    from mem1.report.build import build_report  # templates and figures
    from mem1.report.data import MEND
    from mem1.report.figures.svg_export import write_picture

    if arguments.out is not None:
        raise ConfigError("--out belongs to --paper", where="mem1 report", hint="a run's own report goes into the run")
    if arguments.picture is not None and len(arguments.runs) > 1:
        raise ConfigError("--picture shows one run", where="mem1 report", hint="give one RUN")
    rows, damage, findings = [], [], []
    for path in arguments.runs:
        written = build_report(path)
        damage += [f"{path}: left out, damaged: {one}" for one in written.damage]
        findings += [f"{path}: {text}" for text in written.findings]
        rows.append({"html": str(written.html), "markdown": str(written.markdown), "json": str(written.json)})
        if arguments.picture is not None:
            rows[-1]["picture"] = str(write_picture(path, arguments.picture))
    output.show(rows, as_json=arguments.json, title="reports")
    for text in findings:
        output.warn(text)
    for one in damage:
        output.note(one)
    if damage:
        output.note(f"what to do: {MEND}")
    return StorageError.exit_code if damage else 0


def _against(arguments: argparse.Namespace) -> int:
    from mem1.evaluation.records import FEWEST_FOR_VERDICT
    from mem1.report.against import against, in_words

    if arguments.paper or arguments.out is not None or arguments.picture is not None:
        raise ConfigError(
            "--against prints a comparison and writes nothing", where="mem1 report", hint="drop the other options"
        )
    found = {path: against(path, arguments.against) for path in arguments.runs}
    if arguments.json:
        output.show([{"of": str(path), **row} for path, rows in found.items() for row in rows], as_json=True)
        return 0
    for path, rows in found.items():
        output.note(f"{path} against {arguments.against}, paired by task:")
        for (tasks, strategy), part in groupby(rows, key=lambda row: (row["tasks"], row["strategy"])):
            output.show([in_words(row) for row in part], as_json=False, title=f"{tasks}, {strategy}")
    output.note(
        f"* the interval excludes 0 (differences) or 1 (multiples), n at least {FEWEST_FOR_VERDICT}, and it holds "
        "among all rows of a run together (Holm)"
    )
    return 0


def _beside_published(arguments: argparse.Namespace) -> int:
    from mem1.report.paper.build import build_paper_report

    if arguments.picture is not None:
        raise ConfigError("--picture has no form for --paper", where="mem1 report", hint="drop one of them")
    written = build_paper_report(arguments.runs, arguments.out)
    rows = {"html": str(written.html), "markdown": str(written.markdown), "json": str(written.json)}
    output.show(rows, as_json=arguments.json, title="beside the published figures")
    return 0
