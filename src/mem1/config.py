"""Configuration: a frozen base class, TOML in, dotted overrides on top, the resolved copy out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mem1.errors import ConfigError
from mem1.imports import door, imports
from mem1.reading.errors import explain
from mem1.reading.files import read_recipe
from mem1.reading.overrides import apply, as_wanted

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
    """Read ``path``, lay ``overrides`` on top (``"train.steps=20"``, ``"!train.kl"``), and validate.

    ``path`` is a TOML file or the name of a shipped recipe; it may extend another (see ``reading/``).

    ``allow_imports``: whether code that it names may be imported (see ``imports.py``); ``None``: as it is around here.
    Raises ``ConfigError`` naming the field, the value and the nearest existing key.
    """
    place, data = read_recipe(path) if path is not None else (None, {})
    texts = apply(data, overrides)
    where = " and ".join([str(place)] * (place is not None) + ["the command line"] * bool(texts or place is None))
    with imports(door() if allow_imports is None else allow_imports):
        as_wanted(kind, data, texts)
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
