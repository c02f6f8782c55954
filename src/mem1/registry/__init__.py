"""The registry of parts: what a recipe can name, found by kind and name, imported when it is named.

A part is a configuration class with ``type`` and ``build``. Its kind is a class of its own with ``part_kind``
(``MemoryConfig``, ``EnvConfig``, ...): validating a section as that class finds the part that ``type`` names, so

    memory: MemoryConfig

in a configuration stands for every memory there is. A part is named

- by the name it is registered under (``parts.py``),
- by an installed distribution's entry point of the group ``mem1.parts``, called ``kind.name``,
- or as ``package.module:Class``;

the last two only where the recipe's reader allows imports (``imports.py``).
"""

from __future__ import annotations

import difflib
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import Any, ClassVar, Literal, TypeVar, cast, get_args

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, PydanticKnownError, core_schema

from mem1.config import Config
from mem1.errors import ConfigError
from mem1.imports import door, find, refusal
from mem1.registry.parts import BUILTIN, FOLDERS

Kind = Literal[
    "memory",
    "environment",
    "source",
    "retriever",
    "scorer",
    "engine",
    "estimator",
    "loss",
    "monitor",
    "backend",
    "memory_credit",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
GROUP = "mem1.parts"
PartT = TypeVar("PartT", bound="Part")

Classes = tuple[type[Config], ...]
_described: set[str] = set()  # the kinds whose JSON schema is being written
_foreign: dict[tuple[str, str], type[Part]] = {}


class Part(Config):
    """Base of every part's configuration. A class that states ``part_kind`` itself stands for all parts of the kind.

    ``default_type``: what is meant where a recipe leaves ``type`` out; ``None``: it must be given.
    """

    part_kind: ClassVar[Kind]
    default_type: ClassVar[str | None] = None

    type: str

    @classmethod
    def alternatives(cls) -> Classes:
        """For a kind, the classes of all parts of ours and of those imported so far; for a part, the class itself."""
        if "part_kind" not in vars(cls):
            return (cls,)
        known = [_builtin(cls.part_kind, name) for name in builtin_names(cls.part_kind)]
        return (*known, *(one for (kind, _), one in _foreign.items() if kind == cls.part_kind))

    def check_recipe(self, recipe: Any) -> None:
        """Raise ``ValueError`` where the other parts of ``recipe`` do not go together with this one."""

    @classmethod
    def by_former_keys(cls, section: dict[str, Any]) -> dict[str, Any]:
        """``section`` as it is written today, for kinds that were written in another way before."""
        return section

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        if "part_kind" not in vars(cls):
            return handler(source)
        return core_schema.no_info_plain_validator_function(
            cls._chosen, metadata={"pydantic_js_functions": [cls._json_schema]}
        )

    @classmethod
    def _chosen(cls, value: Any) -> Part:
        """The part that a section of a recipe describes."""
        if isinstance(value, Part) and value.part_kind == cls.part_kind:
            return value
        if not isinstance(value, dict):
            raise PydanticKnownError("dict_type")
        section = cls.by_former_keys(dict(value))
        name = section.pop("type", cls.default_type)
        if not isinstance(name, str):
            raise PydanticCustomError("part_unnamed", "of which kind?", {"names": list(names(cls.part_kind))})
        found = resolve(cls.part_kind, name)
        made = found.model_validate(section)
        return made if made.type == name else made.model_copy(update={"type": name})

    @classmethod
    def _json_schema(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        if cls.part_kind in _described:  # a part among whose keys are parts of its own kind
            return {"type": "object", "properties": {"type": {"enum": list(builtin_names(cls.part_kind))}}}
        _described.add(cls.part_kind)
        try:
            members = [handler(one.__pydantic_core_schema__) for one in cls.alternatives()]
        finally:
            _described.discard(cls.part_kind)
        foreign = {"type": "object", "properties": {"type": {"type": "string", "pattern": ":"}}, "required": ["type"]}
        return {"anyOf": [*members, foreign]}


def resolve(kind: Kind, name: str) -> type[Part]:
    """The configuration class of the part ``name``. Raises ``ValueError`` (pydantic's) that says what there is."""
    if name in builtin_names(kind):
        return _builtin(kind, name)
    known = _foreign.get((kind, name))
    if known is not None and door() != "closed":
        return known
    if ":" not in name and name not in installed(kind):
        there = ", ".join(repr(one) for one in names(kind))
        near = difflib.get_close_matches(name, names(kind), n=1)
        told = f"{name!r} (did you mean {near[0]!r}?)" if near else repr(name)
        raise PydanticCustomError(
            "part_unknown", "no such 'type': {told}; there are {there}", {"told": told, "there": there}
        )
    if door() == "known":
        raise ValueError(f"{name!r} is not among the parts that were imported for this recipe")
    if door() == "closed":
        raise ValueError(refusal(name))
    return _foreign.setdefault((kind, name), _imported(kind, name))


def by_default(kind: Kind, name: str, **keys: Any) -> Any:
    """A field's default: the part ``name`` with ``keys``, imported when a configuration leaves the field out."""
    return Field(default_factory=cast("Callable[[], Any]", lambda: resolve(kind, name)(**keys)))


def every(kind: Kind, root: type[PartT]) -> list[PartT]:
    """One of each part of the program and of those installed ones that this process has imported, with its defaults.

    Parts that cannot be made from defaults are left out.
    """
    known = [name for name in installed(kind) if (kind, name) in _foreign]
    found = []
    for name in (*builtin_names(kind), *known):
        one = _builtin(kind, name) if name in builtin_names(kind) else _foreign[kind, name]
        assert issubclass(one, root)
        if not any(field.is_required() for key, field in one.model_fields.items() if key != "type"):
            found.append(one.model_validate({}))
    return found


def bring(kind: Kind) -> None:
    """Import what installed distributions bring of a kind, where the recipe's reader allows it."""
    if door() == "open":
        for name in installed(kind):
            resolve(kind, name)


def names(kind: Kind) -> tuple[str, ...]:
    """Every name that a recipe can give: those of the program, then those that installed distributions bring."""
    return tuple(dict.fromkeys((*builtin_names(kind), *sorted(installed(kind)))))


@cache
def functions(paths: tuple[str, ...]) -> tuple[Callable[..., Any], ...]:
    """Functions of ours that ``parts.py`` names."""
    return tuple(getattr(import_module(module), name) for module, _, name in (path.partition(":") for path in paths))


@cache
def builtin_names(kind: Kind) -> tuple[str, ...]:
    """The parts that come with the program, in the order in which they are shown. Imports none of them."""
    found = [key.partition(".")[2] for key in BUILTIN if key.partition(".")[0] == kind]
    return (*found, *(name for name in _modules(kind) if name not in found))


def installed(kind: Kind) -> dict[str, str]:
    """The parts that installed distributions bring: names and where they lie. Imports none of them."""
    prefix = f"{kind}."
    return {
        point.name.removeprefix(prefix): point.value
        for point in entry_points(group=GROUP)
        if point.name.startswith(prefix)
    }


def _modules(kind: Kind) -> Iterator[str]:
    spec = find_spec(FOLDERS[kind]) if kind in FOLDERS else None
    places = spec.submodule_search_locations if spec is not None else None
    for module in pkgutil.iter_modules(places or ()):
        if not module.name.startswith("_"):
            yield module.name


@cache
def _builtin(kind: Kind, name: str) -> type[Part]:
    where = BUILTIN.get(f"{kind}.{name}")
    if where is not None:
        module, _, attribute = where.partition(":")
        return cast("type[Part]", getattr(import_module(module), attribute))
    module = f"{FOLDERS[kind]}.{name}"
    found = [one for one in vars(import_module(module)).values() if _is_part(one, kind) and one.__module__ == module]
    assert len(found) == 1, f"{module} must hold one configuration class of kind {kind}, not {len(found)}"
    return cast("type[Part]", found[0])


def _imported(kind: Kind, name: str) -> type[Part]:
    """A part of somebody else's. Raises ``ValueError`` where it cannot be imported or is none."""
    where = installed(kind).get(name, name)
    try:
        found = find(where, where="type", form="package.module:Class")
    except ConfigError as error:
        raise ValueError(error.what) from error
    if not _is_part(found, kind):
        raise ValueError(f"{where!r} is no {kind}: make it a subclass of the configuration class of that kind")
    return cast("type[Part]", found)


def _is_part(found: object, kind: Kind) -> bool:
    return (
        isinstance(found, type)
        and issubclass(found, Part)
        and getattr(found, "part_kind", None) == kind
        and "part_kind" not in vars(found)
    )
