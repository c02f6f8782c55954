"""Keys of a recipe on the command line: ``section.key=value`` sets one, ``!section.key`` leaves it out."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from mem1.errors import ConfigError
from mem1.reading.errors import key_path
from mem1.text import unstorable

Keys = tuple[int | str, ...]
Texts = dict[Keys, str]
UNSET = "!"


def apply(data: dict[str, Any], overrides: Iterable[str]) -> Texts:
    """Lay ``overrides`` on ``data``, in their order; returns what was written for each key. Raises ``ConfigError``."""
    texts: Texts = {}
    for override in overrides:
        if (why := unstorable(override)) is not None:
            raise ConfigError(f"cannot read an override: {why}", where="command line", hint="write it in UTF-8")
        if override.startswith(UNSET):
            _unset(data, override.removeprefix(UNSET).removeprefix("--"))
        else:
            keys, text = _set(data, override)
            texts[keys] = text
    return texts


def as_wanted(kind: type[BaseModel], data: dict[str, Any], texts: Mapping[Keys, str]) -> None:
    """Read what was written as what is wanted there.

    Where a text is wanted, ``--name 7`` and ``--name 2026-10-11`` are texts and no number and date; where a list is
    wanted, ``1,2`` is one of two, and ``1`` of one.
    """
    written = dict(texts)
    for _ in range(2):  # a list first, then what stands in it
        try:
            kind.model_validate(data)
        except ValidationError as error:
            for problem in error.errors():
                path = key_path(kind, problem["loc"], data)
                if path not in written:
                    continue
                if problem["type"] in ("string_type", "path_type"):
                    _put(data, path, written[path])
                elif problem["type"] in ("tuple_type", "list_type"):
                    parts = [part.strip() for part in written[path].split(",")]
                    _put(data, path, [_value(part) for part in parts])
                    written |= {(*path, number): part for number, part in enumerate(parts)}
        else:
            return


def _set(data: dict[str, Any], override: str) -> tuple[tuple[str, ...], str]:
    """Lay one override on top of ``data``; returns its keys and its text."""
    name, equals, text = override.partition("=")
    keys = tuple(name.removeprefix("--").split("."))
    if not equals or not all(keys):
        raise ConfigError(
            f"cannot read the override {override!r}", where="command line", hint="write it as section.key=value"
        )
    *parents, key = keys
    node = data
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise ConfigError(
                f"{name!r}: {parent!r} is a value, not a section", where=override, hint="drop what follows it"
            )
    node[key] = _value(text)
    return keys, text


def _unset(data: dict[str, Any], name: str) -> None:
    *parents, key = name.split(".")
    node: Any = data
    for parent in parents:
        node = node.get(parent) if isinstance(node, dict) else None
    if not isinstance(node, dict) or key not in node:
        near = difflib.get_close_matches(name, sorted(_names(data)), n=1)
        raise ConfigError(
            f"{name!r} is not set in the recipe" + (f" (did you mean {near[0]!r}?)" if near else ""),
            where="command line",
            hint="unset what the recipe, or a flag before this one, sets",
        )
    del node[key]


def _names(data: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in data.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{key}.")


def _put(data: Any, path: Keys, value: object) -> None:
    for key in path[:-1]:
        data = data[key]
    data[path[-1]] = value


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
