"""``mem1 report RUN``: the run's report, from what is stored."""

from __future__ import annotations

import argparse
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import Parser


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("runs", metavar="RUN", type=Path, nargs="+", help="a run directory")


def run(arguments: argparse.Namespace) -> int:
    """Write the report of each run into it and print where."""
    from mem1.report.build import build_report  # templates and figures

    rows = []
    for path in arguments.runs:
        written = build_report(path)
        rows.append({"html": str(written.html), "markdown": str(written.markdown), "json": str(written.json)})
    output.show(rows, as_json=arguments.json, title="reports")
    return 0
