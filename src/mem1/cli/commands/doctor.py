"""``mem1 doctor``: what works here, what does not, and a hint."""

from __future__ import annotations

import argparse
from dataclasses import asdict

from mem1.cli import output
from mem1.cli.arguments import Parser
from mem1.doctor import Status, examine


def configure(parser: Parser) -> None:
    """Arguments of the command: none beside the common ones."""


def run(arguments: argparse.Namespace) -> int:
    """Print all findings; 1 if any of them is a failure."""
    findings = list(examine())
    output.show([asdict(check) for check in findings], as_json=arguments.json, title="mem1 doctor")
    return int(any(check.status is Status.FAIL for check in findings))
