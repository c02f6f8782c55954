"""The members of a sweep: every combination of the values that keys are given, with every seed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, count, product
from pathlib import Path

from mem1.errors import ConfigError

_MOST = 1000  # members
_LONGEST = 100  # characters of a member's name
_CLOSING = {"[": "]", "{": "}", "(": ")"}


@dataclass(frozen=True, slots=True)
class Member:
    """One run of a sweep: its name in the sweep's folder and its keys (``train.steps=20``), the seed among them."""

    name: str
    overrides: tuple[str, ...]

    def words(self, command: str, recipe: str, folder: Path, *, flags: Sequence[str] = ()) -> list[str]:
        """The command line behind ``mem1``."""
        keys = [word for one in self.overrides for word in _flag(one)]
        return [command, recipe, *keys, *flags, "--run", str(folder / self.name)]

    def line(self, command: str, recipe: str, folder: Path, *, flags: Sequence[str] = ()) -> str:
        """The same for a shell."""
        return shlex.join(["mem1", *self.words(command, recipe, folder, flags=flags)])


def members(overrides: Sequence[str], seeds: Sequence[int]) -> list[Member]:
    """One for each combination of values, in the order of the keys, the seed varying fastest.

    Commas outside of brackets and quotes stand between values: ``train.optimizer.lr=1e-6,3e-6`` are two,
    ``evaluate.horizons=[1,2],[4]`` too. Keys that are unset (``!key``) are so for all. Raises ``ConfigError``.
    """
    fixed = [one for one in overrides if one.startswith("!")]
    keys = [one.partition("=") for one in overrides if not one.startswith("!")]
    names = [key for key, _, _ in keys]
    if twice := next((key for key in names if names.count(key) > 1), None):
        raise ConfigError(f"{twice} is given twice", where="mem1 sweep", hint="give all its values at once: A,B,C")
    if "seed" in names:
        raise ConfigError("seeds are counted", where="--seed", hint="say how many: --seeds 3, from --first-seed on")
    choices = [values(text) for _, _, text in keys]
    size = len(seeds)
    for some in choices:
        size *= len(some)
    if size > _MOST:
        raise ConfigError(f"{size} runs are more than {_MOST}", where="mem1 sweep", hint="sweep over fewer values")
    varied = [name for name, some in zip(names, choices, strict=True) if len(some) > 1]
    found: dict[str, Member] = {}
    for *chosen, seed in product(*choices, seeds):
        given = dict(zip(names, chosen, strict=True))
        parts = [f"{key.rsplit('.', 1)[-1]}-{given[key]}" for key in varied]
        name = _named([*parts, f"seed-{seed}"])
        name = next(free for free in chain([name], (f"{name}-{number}" for number in count(2))) if free not in found)
        found[name] = Member(name, (*fixed, *(f"{key}={value}" for key, value in given.items()), f"seed={seed}"))
    return list(found.values())


def values(text: str) -> list[str]:
    """What stands between the commas that are in no bracket and no quotes."""
    parts = [part.strip() for part in _split(text)]
    if len(parts) > 1 and not all(parts):
        raise ConfigError(f"a value is missing in {text!r}", where="mem1 sweep", hint="write them as A,B,C")
    if twice := next((part for part in parts if parts.count(part) > 1), None):
        raise ConfigError(f"{twice!r} is given twice in {text!r}", where="mem1 sweep", hint="give each value once")
    return parts


def _split(text: str) -> Iterator[str]:
    open_brackets: list[str] = []
    quote, start = "", 0
    for place, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in _CLOSING:
            open_brackets.append(_CLOSING[character])
        elif open_brackets and character == open_brackets[-1]:
            open_brackets.pop()
        elif character == "," and not open_brackets:
            yield text[start:place]
            start = place + 1
    yield text[start:]


def _flag(override: str) -> list[str]:
    if override.startswith("!"):
        return ["--unset", override.removeprefix("!")]
    key, _, value = override.partition("=")
    # A value may begin with dashes: --set takes it as it is. Others are as somebody would type them.
    return ["--set", override] if value.startswith("-") or not value else [f"--{key}", value]


def _named(parts: Sequence[str]) -> str:
    return "_".join(re.sub(r"[^A-Za-z0-9.+-]+", "-", part).strip("-.") for part in parts)[:_LONGEST]
