"""Parsing that all commands share: errors as ours, recipe keys as dotted flags."""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from mem1.cli.shell.examples import EXAMPLES
from mem1.errors import ConfigError

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

_RECIPE = "mem1.recipe:Recipe"
_FLAG = re.compile(r"--(?P<key>[^\W\d][\w-]*(?:\.[\w-]+)*)(?:=(?P<value>.*))?", re.DOTALL)


def positive(text: str) -> int:
    """The type of an argument that counts something."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number above 0")
    return int(text)


def amount(text: str) -> float:
    """The type of an argument that is money."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no amount above 0")
    return value


def alone(option: str, others: Mapping[str, object], *, where: str, why: str) -> None:
    """Raise ``ConfigError`` where any of ``others`` was given beside ``option``, which would not heed it.

    ``others``: the options by name; ``None``, ``False`` and ``[]`` are those that were not given.
    """
    given = [name for name, value in others.items() if value is not None and value is not False and value != []]
    if given:
        raise ConfigError(f"{option} {why}", where=where, hint=f"drop {' and '.join(given)}, or {option}")


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are ``ConfigError`` and which never guesses abbreviations."""

    def __init__(self, *, prog: str, description: str) -> None:
        super().__init__(prog=prog, description=description, allow_abbrev=False)
        self.add_argument("--json", action="store_true", help="print one JSON document on standard output")
        self.add_argument("--debug", action="store_true", help="show the traceback of every error")
        how_much = self.add_mutually_exclusive_group()
        how_much.add_argument("--quiet", action="store_true", help="say nothing but results, warnings and errors")
        how_much.add_argument("--verbose", action="store_true", help="say every 5 seconds how far it is")
        self.takes_recipe = False
        self.keys_of = _RECIPE

    def add_recipe(self, *, default: Path | None = None, required: bool = True, writes_run: bool = True) -> None:
        """Add ``RECIPE`` and ``--set``; for commands that write a run directory also ``--run`` and ``--resume``."""
        self.usage = f"{self.prog} RECIPE [options] [--section.key value ...]"
        self.epilog = (
            "Every key of the recipe is a flag (mem1 recipe lists them): --train.steps 20, --seed 3, "
            "--evaluate.horizons 1,2,4; --unset train.kl leaves one out."
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
        self.add_keys()
        if writes_run:
            self.add_argument("--run", metavar="DIR", type=Path, help="the run directory (default: a new one in runs/)")
            self.add_argument("--resume", action="store_true", help="go on with the run in --run")
            self.add_argument(
                "--dry-run",
                action="store_true",
                help="say how many episodes, calls and tokens it would take, and money",
            )
            self.add_argument(
                "--max-calls", metavar="N", type=positive, help="stop before more calls of models than this are made"
            )
            self.add_argument("--max-cost", metavar="X", type=amount, help="stop once so much money is spent")

    def add_keys(self, of: str = _RECIPE) -> None:
        """Add ``--set`` and ``--unset``; every key of the configuration ``of`` (``module:class``) is a flag."""
        self.takes_recipe, self.keys_of = True, of
        self.add_argument(
            "--set", metavar="KEY=VALUE", action="append", default=[], dest="overrides", help="set a key of the recipe"
        )
        self.add_argument(
            "--unset",
            metavar="KEY",
            action="append",
            type=lambda key: f"!{key}",
            dest="overrides",
            help="leave out a key that the recipe sets",
        )
        self.add_argument(
            "--allow-imports", action="store_true", help="import the code that the recipe names: only if you trust it"
        )

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        """Parse ``argv``; flags that are keys of the recipe end up in ``overrides``, in the order given."""
        return self.parse_args(as_overrides(argv, self.own, self.keys_of) if self.takes_recipe else list(argv))

    def format_help(self) -> str:
        """The help, and what one types most often."""
        examples = "".join(f"  {one}\n" for one in EXAMPLES.get(self.prog.removeprefix("mem1 "), ()))
        return super().format_help() + (f"\nexamples:\n{examples}" if examples else "")

    @property
    def reads_recipe(self) -> bool:
        """Whether its keys are those of a recipe."""
        return any(action.dest == "recipe" for action in self._actions)

    @property
    def choices(self) -> tuple[str, ...]:
        """What the words without dashes can be, where that is known."""
        return tuple(str(one) for action in self._get_positional_actions() for one in action.choices or ())

    @property
    def own(self) -> tuple[str, ...]:
        """The command's own options, in their long form."""
        return tuple(option for option in self._option_string_actions if option.startswith("--"))

    def error(self, message: str) -> NoReturn:
        keys = "; keys of the recipe: --section.key value" if self.takes_recipe else ""
        raise ConfigError(message, where=self.prog, hint=f"see {self.prog} --help{keys}")


def as_overrides(argv: Sequence[str], own: Sequence[str] = (), of: str = _RECIPE) -> list[str]:
    """Rewrite ``--a.b value``, ``--a.b=value`` and ``--a value`` as ``--set a.b=value``; leave the rest as it is.

    Args:
        argv: The words of the command line.
        own: The command's own options, which mean what they always do.
        of: The configuration whose keys the others are, as ``module:class``.
    """
    rewritten: list[str] = []
    words = iter(argv)
    for word in words:
        match = _FLAG.fullmatch(word)
        if match is None or f"--{match['key']}" in own:
            rewritten.append(word)
            continue
        key = match["key"].replace("-", "_")
        if "." not in key:
            _known(key, word, own, of)
        value = match["value"] if match["value"] is not None else next(words, None)
        if value is None or value.startswith("--"):
            raise ConfigError(f"{word} has no value", where="command line", hint=f"write {word} VALUE")
        rewritten += ["--set", f"{key}={value}"]
    return rewritten


def _known(key: str, word: str, own: Sequence[str], of: str) -> None:
    """Raise ``ConfigError`` where ``word`` is neither an option nor a key without a section of the configuration."""
    module, _, name = of.partition(":")
    fields = getattr(importlib.import_module(module), name).model_fields  # not paid for without such a flag
    if key in fields:
        return
    known = (*own, *(f"--{name.replace('_', '-')}" for name in fields))
    near = difflib.get_close_matches(word.partition("=")[0], known, n=1)
    raise ConfigError(
        f"there is no option or key {word.partition('=')[0]}" + (f" (did you mean {near[0]}?)" if near else ""),
        where="command line",
        hint="--help lists the options, mem1 recipe the keys",
    )
