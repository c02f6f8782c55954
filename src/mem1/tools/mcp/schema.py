"""From the schema that a server gives to one that is checked here: references laid out, the rest left to the server.

Nothing is refused for what it uses. What is dropped (patterns, formats of objects) the server checks itself, and its
complaint is a result that the policy reads.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pydantic import ValidationError

from mem1.types import ToolSpec
from mem1.types.json_schema import unsupported

_DEEPEST = 12
_ANYTHING: dict[str, Any] = {"type": "object"}


def spec_of(name: str, description: str, schema: Mapping[str, Any], given: Collection[str] = ()) -> ToolSpec | None:
    """The tool as a policy is told of it, without the arguments ``given``; ``None`` where its name cannot be called."""
    plain = checkable(schema, given)
    try:
        return ToolSpec(name=name, description=" ".join(description.split()), parameters=plain)
    except ValidationError:
        return None


def checkable(schema: Mapping[str, Any], given: Collection[str] = ()) -> dict[str, Any]:
    """The part of an object's schema that is checked here, without the arguments ``given``."""
    plain = _plain(schema, schema, 0)
    if not isinstance(plain, dict) or plain.get("type", "object") != "object":
        return dict(_ANYTHING)
    plain["type"] = "object"
    if isinstance(plain.get("properties"), dict):
        plain["properties"] = {name: one for name, one in plain["properties"].items() if name not in given}
    if isinstance(plain.get("required"), list):
        plain["required"] = [name for name in plain["required"] if name not in given]
    plain.pop("title", None)
    return plain if unsupported(plain) is None else dict(_ANYTHING)


def _plain(schema: Any, root: Mapping[str, Any], depth: int) -> Any:
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return True
    if "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key == "description"}
        found = _plain(_referred(str(schema["$ref"]), root), root, depth + 1)
        return {**found, **beside} if isinstance(found, dict) else found
    return {key: found for key, value in schema.items() if (found := _kept(key, value, root, depth)) is not None}


def _kept(key: str, value: Any, root: Mapping[str, Any], depth: int) -> Any:
    """A keyword's value as it is kept; ``None``: the keyword is left out."""
    if key in ("$schema", "$id", "$comment", "$defs", "definitions", "title", "examples"):
        return None
    if key == "properties" and isinstance(value, Mapping):
        return {name: _plain(one, root, depth + 1) for name, one in value.items()}
    if key in ("anyOf", "oneOf", "allOf") and isinstance(value, list):
        return [_plain(one, root, depth + 1) for one in value]
    if key in ("items", "additionalProperties", "not"):
        return _plain(value, root, depth + 1)
    return value if unsupported({key: value}) is None else None


def _referred(path: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for step in path.removeprefix("#/").split("/"):
        found = found.get(step.replace("~1", "/").replace("~0", "~"), True) if isinstance(found, Mapping) else True
    return found if path.startswith("#/") else True
