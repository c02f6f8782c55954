"""Flags of a service, one for each field of its configuration."""

from __future__ import annotations

import argparse

from mem1.cli.arguments import Parser
from mem1.config import ConfigT, build


def add_limits(parser: Parser, kind: type[ConfigT]) -> None:
    """Add a flag for each field of ``kind``, explained by its description."""
    limits = parser.add_argument_group("addresses and limits")
    for name, field in kind.model_fields.items():
        limits.add_argument(
            f"--{name.replace('_', '-')}", metavar="N" if field.annotation is not str else "HOST", dest=name,
            help=f"{field.description} (default {field.default})",
        )  # fmt: skip


def read_limits(arguments: argparse.Namespace, kind: type[ConfigT]) -> ConfigT:
    """What was given, the defaults for the rest. Raises ``ConfigError``."""
    given = {name: getattr(arguments, name) for name in kind.model_fields}
    return build(kind, {name: value for name, value in given.items() if value is not None}, where="the command line")
