"""The part of JSON schema (draft 2020-12) that arguments of tools are checked against.

A schema that uses anything else is refused where a tool is stated, so that nothing is believed to be checked that is
not. Values are what ``json.loads`` returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]

_ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "format", "deprecated", "readOnly", "writeOnly", "$schema", "$id"}
    | {"$comment"}
)


def unsupported(schema: object, where: str = "parameters") -> str | None:
    """What in ``schema`` could not be checked, in words; ``None`` where all of it can."""
    if isinstance(schema, bool):
        return None
    if not isinstance(schema, Mapping):
        return f"{where} is no schema: an object, or true or false"
    for key, value in schema.items():
        found = _ill_formed(key, value, where)
        if found is not None:
            return found
        if key in _SCHEMAS_BY_NAME:
            found = _first(unsupported(inner, f"{where}.{key}.{name}") for name, inner in _items(value))
        elif key in _LISTS_OF_SCHEMAS:
            found = _first(unsupported(inner, f"{where}.{key}") for inner in _sequence(value))
        elif key in _SCHEMAS:
            found = unsupported(value, f"{where}.{key}")
        elif key == "type":
            unknown = [name for name in _names(value) if name not in _TYPES]
            found = f"{where}.type names {unknown[0]!r}" if unknown else None
        elif key not in _CHECKS and key not in _ANNOTATIONS:
            found = f"{where} uses {key!r}, which is not checked here"
        if found is not None:
            return found
    return None


def mismatch(value: object, schema: Schema | bool, where: str = "the arguments") -> str | None:
    """Why ``value`` does not fit ``schema``, in words; ``None`` where it does."""
    if isinstance(schema, bool):
        return None if schema else f"{where} must not be given"
    return _first(_CHECKS[key](value, expected, where, schema) for key, expected in schema.items() if key in _CHECKS)


# ---------------------------------------------------------------- one check a keyword


def _type(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    names = _names(expected)
    return None if any(_TYPES[name](value) for name in names) else f"{where} must be {_article(' or '.join(names))}"


def _enum(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    return (
        None
        if any(_same(value, one) for one in expected)
        else f"{where} must be one of {', '.join(map(str, expected))}"
    )


def _const(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    return None if _same(value, expected) else f"{where} must be {expected}"


def _required(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    if not isinstance(value, Mapping):
        return None
    missing = [name for name in expected if name not in value]
    return f"{where} must have {missing[0]!r}" if missing else None


def _properties(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    if not isinstance(value, Mapping):
        return None
    return _first(mismatch(value[name], inner, name) for name, inner in expected.items() if name in value)


def _additional(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    if not isinstance(value, Mapping):
        return None
    others = [name for name in value if name not in schema.get("properties", {})]
    if expected is False:
        return f"{where} must not have {others[0]!r}" if others else None
    return _first(mismatch(value[name], expected, name) for name in others)


def _items_of(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    if not isinstance(value, list | tuple):
        return None
    return _first(mismatch(one, expected, f"{where}[{i}]") for i, one in enumerate(value))


def _any_of(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    fits = any(mismatch(value, one, where) is None for one in expected)
    return None if fits else f"{where} fits none of the forms it may have"


def _one_of(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    fits = sum(mismatch(value, one, where) is None for one in expected)
    return None if fits == 1 else f"{where} fits {fits} of the forms of which it must have one"


def _all_of(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    return _first(mismatch(value, one, where) for one in expected)


def _not(value: object, expected: Any, where: str, schema: Schema) -> str | None:
    return f"{where} has a form that it must not have" if mismatch(value, expected, where) is None else None


def _number(says: str, fits: Callable[[float, float], bool]) -> Callable[[object, Any, str, Schema], str | None]:
    def check(value: object, expected: Any, where: str, schema: Schema) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or fits(value, expected):
            return None
        return f"{where} must be {says} {expected}"

    return check


def _length(of: Any, says: str, fits: Callable[[int, int], bool]) -> Callable[[object, Any, str, Schema], str | None]:
    def check(value: object, expected: Any, where: str, schema: Schema) -> str | None:
        if not isinstance(value, of) or fits(len(value), expected):
            return None
        return f"{where} must have {says} {expected}"

    return check


def _ill_formed(key: str, value: object, where: str) -> str | None:
    """Whether a keyword's value is of another kind than the keyword asks for."""
    kind = next((kind for kind, keys in _KINDS.items() if key in keys), None)
    return None if kind is None or _TYPES[kind](value) else f"{where}.{key} must be {_article(kind)}"


# ---------------------------------------------------------------- tables

_TYPES: dict[str, Callable[[object], bool]] = {
    "string": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: (
        not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    ),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "array": lambda value: isinstance(value, list | tuple),
    "object": lambda value: isinstance(value, Mapping),
}
_CHECKS: dict[str, Callable[[object, Any, str, Schema], str | None]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "required": _required,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items_of,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "allOf": _all_of,
    "not": _not,
    "minimum": _number("at least", lambda value, bound: value >= bound),
    "maximum": _number("at most", lambda value, bound: value <= bound),
    "exclusiveMinimum": _number("more than", lambda value, bound: value > bound),
    "exclusiveMaximum": _number("less than", lambda value, bound: value < bound),
    "minLength": _length(str, "at least so many characters:", lambda length, bound: length >= bound),
    "maxLength": _length(str, "at most so many characters:", lambda length, bound: length <= bound),
    "minItems": _length(list | tuple, "at least so many items:", lambda length, bound: length >= bound),
    "maxItems": _length(list | tuple, "at most so many items:", lambda length, bound: length <= bound),
}
_KINDS = {
    "array": frozenset({"enum", "required", "anyOf", "oneOf", "allOf"}),
    "object": frozenset({"properties"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "integer": frozenset({"minLength", "maxLength", "minItems", "maxItems"}),
}
_SCHEMAS_BY_NAME = frozenset({"properties"})
_LISTS_OF_SCHEMAS = frozenset({"anyOf", "oneOf", "allOf"})
_SCHEMAS = frozenset({"items", "additionalProperties", "not"})


def _first(reasons: Any) -> str | None:
    return next((reason for reason in reasons if reason is not None), None)


def _names(value: Any) -> Sequence[str]:
    return [value] if isinstance(value, str) else [str(one) for one in _sequence(value)]


def _items(value: Any) -> Sequence[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else [("", None)]


def _sequence(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else [None]


def _same(left: object, right: object) -> bool:
    """Equality of JSON: true is not 1."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def _article(kind: str) -> str:
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"
