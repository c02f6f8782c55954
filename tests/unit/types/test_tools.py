"""What can be said of a tool's arguments, and what is refused because it could not be checked."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from mem1.types import ToolSpec, calls, text_tool, tool_call
from mem1.types.json_schema import mismatch


def spec(**properties: Any) -> ToolSpec:
    return ToolSpec(name="t", parameters={"type": "object", "properties": properties, "required": list(properties)})


@pytest.mark.parametrize(
    ("schema", "fits", "does_not"),
    [
        ({"type": "string"}, ["", "a"], [1, None, ["a"]]),
        ({"type": "integer"}, [1, -1, 2.0], [True, 1.5, "1"]),
        ({"type": "number"}, [1, 1.5], [False, "1"]),
        ({"type": "boolean"}, [True], [1, 0]),
        ({"type": "null"}, [None], [0, ""]),
        ({"type": ["string", "null"]}, ["a", None], [1]),
        ({"enum": ["a", 1]}, ["a", 1], ["b", True]),
        ({"const": 0}, [0], [False, 1]),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 2}, [[1], [1, 2]], [[], [1, 2, 3]]),
        ({"type": "array", "items": {"type": "integer"}}, [[]], [["a"], "a"]),
        ({"minimum": 1, "maximum": 2}, [1, 2, "a"], [0, 3]),
        ({"exclusiveMinimum": 1, "exclusiveMaximum": 2}, [1.5], [1, 2]),
        ({"minLength": 2, "maxLength": 3}, ["ab", "abc"], ["a", "abcd"]),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, ["a", 1], [1.5]),
        ({"oneOf": [{"type": "integer"}, {"minimum": 2}]}, [1, 2.5], [3]),
        ({"allOf": [{"type": "integer"}, {"minimum": 2}]}, [2], [1, 2.5]),
        ({"not": {"type": "string"}}, [1], ["a"]),
        ({"properties": {"a": False}}, [{}, {"b": 1}], [{"a": 1}]),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, [{"a": 1}], [{"a": "b"}]),
    ],
)
def test_values_are_checked(schema: dict[str, Any], fits: list[Any], does_not: list[Any]) -> None:
    assert [mismatch(value, schema) for value in fits] == [None] * len(fits)
    assert [value for value in does_not if mismatch(value, schema) is None] == []


def test_a_reason_names_the_argument() -> None:
    assert spec(a={"type": "string"}).why_not({"a": 1}) == "a must be a string"
    assert spec(a={"type": "array", "items": {"type": "integer"}}).why_not({"a": [1, "b"]}) == "a[1] must be an integer"
    assert spec(a={"type": "string"}).why_not("a") == "the arguments must be an object"


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"properties": {"a": {"pattern": "x"}}}, "parameters.properties.a uses 'pattern', which is not checked here"),
        ({"$ref": "#/x"}, "parameters uses '$ref', which is not checked here"),
        ({"type": "array"}, "parameters describe an object"),
        ({"properties": {"a": {"type": "text"}}}, "parameters.properties.a.type names 'text'"),
        ({"properties": []}, "parameters.properties must be an object"),
        ({"required": "a"}, "parameters.required must be an array"),
        ({"properties": {"a": {"minimum": "1"}}}, "parameters.properties.a.minimum must be a number"),
        ({"properties": {"a": "string"}}, "parameters.properties.a is no schema"),
        ({"properties": {"a": {"anyOf": [1]}}}, "parameters.properties.a.anyOf is no schema"),
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused(parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says.replace("$", r"\$")):
        ToolSpec(name="t", parameters=parameters)


def test_a_schema_without_end_is_refused() -> None:
    endless: dict[str, Any] = {}
    endless["not"] = endless
    with pytest.raises(ValidationError):
        ToolSpec(name="t", parameters=endless)


@pytest.mark.parametrize("name", ["", "1a", "a b", "<a>", "a" * 65])
def test_a_tools_name_is_plain(name: str) -> None:
    with pytest.raises(ValidationError):
        ToolSpec(name=name)


def test_a_tool_with_one_text_to_give_is_told_from_others() -> None:
    assert text_tool("t", "query").argument == "query"
    assert spec(a={"type": "string"}, b={"type": "string"}).argument is None
    assert spec(a={"type": "integer"}).argument is None
    assert ToolSpec(name="t").argument is None
    assert ToolSpec(name="t").takes_nothing
    optional = {"properties": {"a": {"type": "string"}, "n": {"type": "integer"}}, "required": ["a"]}
    assert ToolSpec(name="t", parameters=optional).argument == "a"


def test_a_blank_text_is_no_argument() -> None:
    assert text_tool("t", "query").why_not({"query": ""}) == "query must have at least so many characters: 1"


def test_a_call_is_told_by_its_name_and_read_as_text() -> None:
    assert calls(tool_call("search", query="Peru"), "open", "search")
    assert not calls(tool_call("search", query="Peru"), "open")
    assert tool_call("search", query="Peru").text == "Peru"
    assert tool_call("place", x=1, y=2).text == "x: 1, y: 2"
