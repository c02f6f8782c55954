"""Configuration: a frozen base class, TOML in, dotted overrides on top, the resolved copy out."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mem1.config_errors import explain, key_path
from mem1.errors import ConfigError, DataError
from mem1.imports import door, imports
from mem1.shipped import recipe_path
from mem1.text import decoded, unstorable

ConfigT = TypeVar("ConfigT", bound="Config")


class Config(BaseModel):
    """Base of every configuration class: frozen, an unknown key is an error, defaults validated, numbers finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)

    @classmethod
    def alternatives(cls) -> tuple[type[Config], ...]:
        """The classes that may stand where this one is wanted: itself, for most (see ``registry.Part``)."""
        return (cls,)


def load(
    kind: type[ConfigT], path: Path | str | None, overrides: Iterable[str] = (), *, allow_imports: bool | None = None
) -> ConfigT:
    """Read ``path``, lay ``overrides`` (``"train.steps=20"``) on top and validate.

    ``path`` is a TOML file or the name of a shipped recipe.

    ``allow_imports``: whether code that it names may be imported (see ``imports.py``); ``None``: as it is around here.
    Raises ``ConfigError`` naming the field, the value and the nearest existing key.
    """
    data: dict[str, Any] = {}
    path = recipe_path(path) if path is not None else None
    if path is not None:
        try:
            data = tomllib.loads(decoded(path.read_bytes(), str(path)))
        except OSError as error:
            raise ConfigError(
                f"cannot read the recipe: {error.strerror}", where=str(path), hint="give a TOML file you may read"
            ) from error
        except DataError as error:
            raise ConfigError(f"cannot read the recipe: {error.what}", where=error.where, hint=error.hint) from error
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise ConfigError(f"cannot read the recipe: {error}", where=str(path), hint="correct the TOML") from error
    texts: dict[tuple[int | str, ...], str] = {}
    for override in overrides:
        keys, text = _apply(data, override)
        texts[keys] = text
    where = " and ".join([str(path)] * (path is not None) + ["the command line"] * bool(texts or path is None))
    with imports(door() if allow_imports is None else allow_imports):
        _keep_texts(kind, data, texts)
        return build(kind, data, where=where)


def build(kind: type[ConfigT], data: Mapping[str, Any], *, where: str) -> ConfigT:
    """Validate ``data`` as ``kind``; every problem is listed in one ``ConfigError``."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(explain(kind, error, data)), where=where, hint="correct the keys named above"
        ) from error


def differences(left: Config, right: Config) -> list[str]:
    """Dotted names of the fields in which two configurations differ."""
    return sorted(_differ(left.model_dump(mode="json"), right.model_dump(mode="json"), ""))


def _differ(left: Any, right: Any, name: str) -> Iterable[str]:
    if isinstance(left, dict) and isinstance(right, dict):
        for key in left.keys() | right.keys():
            yield from _differ(left.get(key), right.get(key), f"{name}.{key}" if name else str(key))
    elif left != right:
        yield name


def _apply(data: dict[str, Any], override: str) -> tuple[tuple[str, ...], str]:
    """Lay one override on top of ``data``; returns its keys and its text."""
    if (why := unstorable(override)) is not None:
        raise ConfigError(f"cannot read an override: {why}", where="command line", hint="write it in UTF-8")
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


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except (tomllib.TOMLDecodeError, RecursionError):
        return text


def _keep_texts(kind: type[Config], data: dict[str, Any], texts: Mapping[tuple[int | str, ...], str]) -> None:
    """Where a text is wanted, ``--name 7`` and ``--name 2026-10-11`` are texts and no number and date."""
    try:
        kind.model_validate(data)
    except ValidationError as error:
        for problem in error.errors():
            path = key_path(kind, problem["loc"], data)
            if problem["type"] in ("string_type", "path_type") and path in texts:
                node = data
                for key in path[:-1]:
                    node = node[str(key)]
                node[str(path[-1])] = texts[path]
