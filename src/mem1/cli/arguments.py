"""Parsing that all commands share: errors as ours, recipe keys as dotted flags."""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from mem1.errors import ConfigError

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

_DOTTED = re.compile(r"--(?P<key>[A-Za-z_]\w*(?:\.\w+)+)(?:=(?P<value>.*))?", re.DOTALL)


def positive(text: str) -> int:
    """The type of an argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are ``ConfigError`` and which never guesses abbreviations."""

    def __init__(self, *, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        self.add_argument("--debug", action="store_true", help="show the traceback of every error")
        self._takes_recipe = False

    def add_recipe(self, *, default: Path | None = None, required: bool = True, writes_run: bool = True) -> None:
        """Add ``RECIPE`` and ``--set``; for commands that write a run directory also ``--run`` and ``--resume``."""
        self._takes_recipe = True
        self.usage = f"{self.prog} RECIPE [options] [--section.key value ...]"
        self.epilog = (
            "Every key of the recipe is a flag: --train.steps 20, or --set seed=3 for those without a section."
        )
        if default is None and required:
            self.add_argument(
                "recipe", metavar="RECIPE", type=Path, help="a TOML file, or the name of a shipped recipe"
            )
        else:
            self.add_argument(
                "recipe",
                metavar="RECIPE",
                type=Path,
                nargs="?",
                default=default,
                help="a TOML file, or a shipped recipe's name",
            )
        self.add_argument(
            "--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides", help="set a key of the recipe"
        )
        self.add_argument(
            "--allow-imports", action="store_true", help="import the code that the recipe names: only if you trust it"
        )
        if writes_run:
            self.add_argument("--run", metavar="DIR", type=Path, help="the run directory (default: a new one in runs/)")
            self.add_argument("--resume", action="store_true", help="go on with the run in --run")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse ``argv``; dotted flags end up in ``overrides``, in the order given."""
        return self.parse_args(as_overrides(argv) if self._takes_recipe else list(argv))

    def error(self, message: str) -> NoReturn:
        keys = "; keys of the recipe: --section.key value, or --set seed=3" if self._takes_recipe else ""
        raise ConfigError(message, where=self.prog, hint=f"see {self.prog} --help{keys}")


def as_overrides(argv: Sequence[str]) -> list[str]:
    """Rewrite ``--a.b value`` and ``--a.b=value`` as ``--set a.b=value``; leave the rest as it is."""
    rewritten: list[str] = []
    words = iter(argv)
    for word in words:
        match = _DOTTED.fullmatch(word)
        if match is None:
            rewritten.append(word)
            continue
        value = match["value"] if match["value"] is not None else next(words, None)
        if value is None or value.startswith("--"):
            raise ConfigError(f"{word} has no value", where="command line", hint=f"write {word} VALUE")
        rewritten += ["--set", f"{match['key']}={value}"]
    return rewritten
