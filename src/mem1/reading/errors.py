"""What is wrong with a configuration, in words: pydantic's complaints as keys that a user can write, with a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

_SURE = 0.66  # a key that stands elsewhere must be closer to what was written than one beside it


def explain(kind: type[BaseModel], error: ValidationError, data: Mapping[str, Any]) -> list[str]:
    """One line for each key of ``data`` that is wrong, in the order of ``kind``."""
    lines: dict[str, list[str]] = {}
    shown: dict[str, str] = {}
    for problem in error.errors():
        path = key_path(kind, problem["loc"], data, missing=problem["type"] == "missing")
        name = ".".join(str(part) for part in path)
        message, value = _words(kind, path, problem)
        lines.setdefault(name, []).append(message)
        shown[name] = value
    return [
        (f"{name}: " if name else "") + "; or: ".join(dict.fromkeys(messages)) + shown[name]
        for name, messages in lines.items()
    ]


def key_path(
    kind: type[BaseModel], loc: Sequence[int | str], data: object, *, missing: bool = False
) -> tuple[int | str, ...]:
    """A problem's place as keys of ``data``: pydantic also names the member of a union, which nobody writes.

    ``missing``: the last part of ``loc`` is a key that should be there.
    """
    path: list[int | str] = []
    node: Any = data
    inside = False
    for part in loc:
        if isinstance(part, str) and not inside and _is_union(kind, path):
            inside = True
            continue
        inside = False
        try:
            node = node[part]
        except (KeyError, IndexError, TypeError):
            continue
        path.append(part)
    return (*path, loc[-1]) if missing else tuple(path)


def _words(kind: type[BaseModel], path: tuple[int | str, ...], problem: Any) -> tuple[str, str]:
    """What is wrong, and what was found (empty where that says nothing)."""
    match problem["type"]:
        case "extra_forbidden":
            return "no such key" + _nearest(kind, path), ""
        case "missing":
            return "this key is needed and is not there", ""
        case "value_error":
            return problem["msg"].removeprefix("Value error, "), ""
        case "union_tag_not_found":
            field = str(problem["ctx"]["discriminator"]).strip("'")
            name = ".".join(str(part) for part in (*path, field))
            tags = ", ".join(repr(tag) for tag in _tags(_at(kind, path), field))
            return f"of which kind? Set {name} too, to one of {tags}", ""
        case "union_tag_invalid":
            context = problem["ctx"]
            return f"no such {context['discriminator']}: {context['tag']!r}; there are {context['expected_tags']}", ""
        case "part_unnamed":
            name = ".".join(str(part) for part in (*path, "type"))
            names = ", ".join(repr(one) for one in problem["ctx"]["names"])
            return f"of which kind? Set {name} too, to one of {names}", ""
        case "part_unknown":
            return problem["msg"], ""
    value = problem.get("input")
    text = str(value) if type(value).__module__ == "datetime" else repr(value)
    return problem["msg"], f", got {text if len(text) < 80 else text[:77] + '...'}"


def _nearest(kind: type[BaseModel], path: tuple[int | str, ...]) -> str:
    """A key that may have been meant: one that stands beside it, else one of that name elsewhere."""
    wrong = str(path[-1])
    beside = sorted({key for one in _at(kind, path[:-1]) for key in one.model_fields})
    everywhere: dict[str, list[str]] = {}
    for dotted in _dotted(kind):
        everywhere.setdefault(dotted.rpartition(".")[2], []).append(dotted)
    near = difflib.get_close_matches(wrong, beside, n=1)
    if wrong in everywhere or not near:
        same = difflib.get_close_matches(wrong, sorted(everywhere), n=1, cutoff=_SURE)
        whole = ".".join(str(part) for part in path)
        near = [name for key in same for name in difflib.get_close_matches(whole, everywhere[key], n=1, cutoff=0)]
    if near == [".".join(str(part) for part in path)]:
        return " for this type, though another type has it"
    return f" (did you mean {near[0]!r}?)" if near else ""


def _at(kind: type[BaseModel], path: Iterable[int | str]) -> list[type[BaseModel]]:
    """The classes that may stand at ``path`` below ``kind``: more than one where there is a union."""
    classes = [kind]
    for part in path:
        if isinstance(part, str):
            fields = [one.model_fields[part] for one in classes if part in one.model_fields]
            classes = list(dict.fromkeys(found for field in fields for found in _classes(field.annotation)))
    return classes


def _is_union(kind: type[BaseModel], path: Sequence[int | str]) -> bool:
    """Whether pydantic itself chooses among several classes at ``path``, and names the one in a problem's place."""
    key = next((part for part in reversed(path) if isinstance(part, str)), None)
    parents = _at(kind, path[: len(path) - 1 - list(reversed(path)).index(key)]) if key is not None else []
    fields = [one.model_fields[str(key)] for one in parents if key in one.model_fields]
    return any(len(list(_stated(field.annotation))) > 1 for field in fields)


def _classes(annotation: Any) -> Iterator[type[BaseModel]]:
    """The classes that may stand where ``annotation`` is, every part where a kind of part is wanted."""
    for one in _stated(annotation):
        yield from getattr(one, "alternatives", lambda one=one: (one,))()


def _stated(annotation: Any) -> Iterator[type[BaseModel]]:
    """The classes that ``annotation`` itself names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _stated(part)


def _tags(classes: Iterable[type[BaseModel]], field: str) -> list[Any]:
    fields = [one.model_fields[field] for one in classes if field in one.model_fields]
    return [tag for found in fields for tag in get_args(found.annotation)]


def _dotted(kind: type[BaseModel], prefix: str = "", above: tuple[type[BaseModel], ...] = ()) -> Iterator[str]:
    """All keys below ``kind``, those of all members of a union among them; no class within itself (``above``)."""
    for key, field in kind.model_fields.items():
        yield f"{prefix}{key}"
        for inner in _classes(field.annotation):
            if inner not in above:
                yield from _dotted(inner, f"{prefix}{key}.", (*above, kind))
