"""Every key that a recipe can hold, with what it takes, its default and what is said of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from mem1.config import Config
from mem1.errors import ConfigError
from mem1.recipe import Recipe

_BOUNDS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
_WORDS: dict[Any, str] = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path"}


@dataclass(frozen=True, slots=True)
class Key:
    """One key. ``part``: the ``type`` that it belongs to, where a section is one of several parts."""

    key: str
    type: str
    default: str
    doc: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A section, or one of the parts that may stand there, with what its class says."""

    name: str
    part: str
    doc: str
    keys: tuple[Key, ...]


def sections(below: str | None = None, kind: type[Config] = Recipe) -> list[Section]:
    """All sections, or those at and below the dotted name ``below``. Raises ``ConfigError`` where there is none."""
    every = list(_sections(kind, "", kind.model_construct(), ()))
    if below is None:
        return every
    found = [one for one in every if one.name == below or one.name.startswith(f"{below}.")]
    if not found:
        holding = [
            Section(one.name, one.part, one.doc, (key,)) for one in every for key in one.keys if key.key == below
        ]
        if holding:
            return holding
        names = sorted({one.name for one in every} | {key.key for one in every for key in one.keys})
        near = difflib.get_close_matches(below, names, n=1)
        raise ConfigError(
            f"no such section: {below!r}" + (f" (did you mean {near[0]!r}?)" if near else ""),
            where="mem1 recipe",
            hint=f"there are {', '.join(dict.fromkeys(one.name for one in every if '.' not in one.name and one.name))}",
        )
    return found


def _sections(kind: type[BaseModel], name: str, default: Any, above: tuple[type[BaseModel], ...]) -> Iterator[Section]:
    prefix = f"{name}." if name else ""
    inner: list[tuple[str, type[BaseModel], Any]] = []
    keys = []
    part = _fixed(kind)
    doc = _plain(kind.__doc__ or "")
    for key, field in kind.model_fields.items():
        value = getattr(default, key, PydanticUndefined) if default is not None else _default(field)
        if value is PydanticUndefined:
            value = _default(field)
        classes = [one for one in _classes(field.annotation) if one not in above]
        inner += [(f"{prefix}{key}", one, value if type(value) is one else None) for one in classes]
        keys.append(Key(f"{prefix}{key}", _type(field), _shown(value), _about(key, doc), part))
    yield Section(name, part, doc, tuple(keys))
    for below, one, value in inner:
        yield from _sections(one, below, value, (*above, kind))


def _fixed(kind: type[BaseModel]) -> str:
    """The ``type`` of a part; empty for a section that is of one kind only."""
    field = kind.model_fields.get("type")
    return field.default if field is not None and isinstance(field.default, str) else ""


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, Config):
        yield from annotation.alternatives()
    for part in get_args(annotation):
        yield from _classes(part)


def _default(field: FieldInfo) -> Any:
    return field.get_default(call_default_factory=True)


def _shown(value: Any) -> str:
    """A default as one would write it in TOML; nothing where the key must be given, or is not set."""
    if value is PydanticUndefined:
        return "(needed)"
    if isinstance(value, BaseModel):
        return f"(type {kind})" if (kind := _fixed(type(value))) else "(section)"
    match value:
        case None:
            return "(not set)"
        case bool():
            return "true" if value else "false"
        case Enum():
            return _shown(value.value)
        case str() | Path():
            return f'"{value}"'
        case tuple() | list():
            return f"[{', '.join(_shown(one) for one in value)}]"
        case dict():
            return "{}" if not value else str(value)
    return str(value)


def _type(field: FieldInfo) -> str:
    text = _named(field.annotation)
    bounds = [
        f"{sign} {getattr(one, name)}" for one in field.metadata for name, sign in _BOUNDS.items() if hasattr(one, name)
    ]
    return f"{text} {', '.join(bounds)}" if bounds else text


def _named(annotation: Any) -> str:
    """A type in words."""
    if annotation is NoneType:
        return ""
    if annotation in _WORDS:
        return _WORDS[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        found = FieldInfo.from_annotation(annotation)
        return _type(found)
    if origin is Literal:
        return " | ".join(f'"{one}"' if isinstance(one, str) else str(one) for one in inner)
    if origin in (Union, UnionType):
        return " | ".join(dict.fromkeys(text for one in inner if (text := _named(one))))
    if origin in (tuple, list):
        return f"list of ({' | '.join(dict.fromkeys(_named(one) for one in inner if one is not ...))})"
    if origin is dict:
        return "section"
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(f'"{one.value}"' for one in annotation)
    if isinstance(annotation, type) and issubclass(annotation, Config):
        return "section"
    return getattr(annotation, "__name__", str(annotation))


def _plain(doc: str) -> str:
    """A docstring on one line."""
    return re.sub(r"\s+", " ", doc).strip()


def _about(key: str, doc: str) -> str:
    """The sentences of a class's docstring that speak of a key."""
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z`])", doc)
    return " ".join(one for one in sentences if re.search(rf"``{re.escape(key)}\b", one))
