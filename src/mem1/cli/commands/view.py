"""``mem1 view RUN``: read runs and their episodes in a browser, served on this machine only."""

from __future__ import annotations

import argparse
import webbrowser
from pathlib import Path

from mem1.cli import output
from mem1.cli.arguments import Parser


def configure(parser: Parser) -> None:
    """Arguments of the command."""
    parser.add_argument("directory", metavar="RUN", type=Path, help="a run directory, or a folder of runs")
    parser.add_argument("--port", type=_port, default=0, help="where to listen (default: any free port)")
    parser.add_argument("--open", action="store_true", help="open a browser")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C, which is the way to end it and no failure."""
    from mem1.report.viewer.app import serve  # templates

    def tell(address: str) -> None:
        output.show({"open": address, "end with": "Ctrl-C"}, as_json=arguments.json)
        if arguments.open:
            webbrowser.open(address)

    serve(arguments.directory, arguments.port, on_start=tell)
    return 0


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port: give 0 to 65535")
    return int(text)
