"""Configuration: a frozen base class, TOML in, dotted overrides on top, the resolved copy out."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mem1.errors import ConfigError

ConfigT = TypeVar("ConfigT", bound="Config")


class Config(BaseModel):
    """Base of every configuration class: frozen, an unknown key is an error, defaults validated."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


def load(kind: type[ConfigT], path: Path | str | None, overrides: Iterable[str] = ()) -> ConfigT:
    """Read ``path`` (TOML), lay ``overrides`` (``"train.steps=20"``) on top and validate.

    Raises ``ConfigError`` naming the field, the value and the nearest existing key.
    """
    data: dict[str, Any] = {}
    path = Path(path) if path is not None else None
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigError(
                f"no such recipe: {path}", mend="give the path of a TOML file, e.g. one of recipes/"
            ) from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise ConfigError(f"cannot read the recipe: {error}", where=str(path), mend="correct the TOML") from error
    for override in overrides:
        _apply(data, override)
    return build(kind, data, where=str(path) if path else "command line")


def build(kind: type[ConfigT], data: Mapping[str, Any], *, where: str) -> ConfigT:
    """Validate ``data`` as ``kind``; every problem is listed in one ``ConfigError``."""
    try:
        return kind.model_validate(data)
    except ValidationError as error:
        raise ConfigError(
            "\n".join(_explain(kind, problem) for problem in error.errors()),
            where=where,
            mend="correct the keys named above",
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


def _apply(data: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    if not equals or not name:
        raise ConfigError(f"cannot read the override {override!r}", mend="write it as section.key=value")
    *parents, key = name.removeprefix("--").split(".")
    node = data
    for parent in parents:
        node = node.setdefault(parent, {})
        if not isinstance(node, dict):
            raise ConfigError(
                f"{name!r}: {parent!r} is a value, not a section", where=override, mend="drop what follows it"
            )
    node[key] = _value(text)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _explain(kind: type[BaseModel], problem: Any) -> str:
    name = ".".join(str(part) for part in problem["loc"]) or kind.__name__
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(problem["loc"][-1]), sorted(_keys(kind)), n=1)
        return f"{name}: no such key" + (f" (did you mean {near[0]!r}?)" if near else "")
    shown = repr(problem.get("input"))
    return f"{name}: {problem['msg']}, got {shown if len(shown) < 80 else shown[:77] + '...'}"


def _keys(kind: Any, seen: frozenset[Any] = frozenset()) -> set[str]:
    """All keys of a config class and of the classes its annotations mention."""
    found: set[str] = set()
    if isinstance(kind, type) and issubclass(kind, BaseModel) and kind not in seen:
        for key, field in kind.model_fields.items():
            found.add(key)
            found |= _keys(field.annotation, seen | {kind})
    for part in getattr(kind, "__args__", ()):
        found |= _keys(part, seen)
    return found
