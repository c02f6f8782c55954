"""Actions as JSON calls of tools."""

from __future__ import annotations

import pytest

from mem1.actions import ActionSpace, make_format
from mem1.actions.tools import SEARCH
from mem1.types import Answer, Malformed, ToolCall, ToolSpec, text_tool, tool_call

PLACE = ToolSpec(
    name="place.at",
    description="put a stone",
    parameters={
        "type": "object",
        "properties": {"x": {"type": "integer", "minimum": 0}, "y": {"type": "integer"}, "label": {"type": "string"}},
        "required": ["x", "y"],
        "additionalProperties": False,
    },
)
FORM = make_format(ActionSpace((SEARCH, PLACE), form="json"))


def call(text: str) -> str:
    return f"I think <tool_call>\n{text}\n</tool_call>"


def test_a_call_is_read_with_its_arguments() -> None:
    written = call('{"name": "place.at", "arguments": {"x": 1, "y": -2}}')
    assert FORM.parse(written) == tool_call("place.at", x=1, y=-2)
    assert FORM.parse(call('{"name": "search", "arguments": {"query": "é"}}')) == tool_call("search", query="é")
    assert FORM.parse("<answer> Lima </answer>") == Answer(text="Lima")


def test_arguments_may_be_written_as_a_text_that_holds_them() -> None:
    written = call('{"name": "search", "arguments": "{\\"query\\": \\"Peru\\"}"}')
    assert FORM.parse(written) == tool_call("search", query="Peru")


@pytest.mark.parametrize(
    "action",
    [
        tool_call("search", query='quotes " and </tool_call> and 日本'),
        tool_call("place.at", x=3, y=4, label="a"),
        Answer(text="Lima; Quito"),
    ],
)
def test_what_is_written_is_read_again(action: ToolCall | Answer) -> None:
    assert FORM.parse(FORM.write(action)) == action


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "the tool_call tag was opened but not closed"),
        ("search Peru", "the tool_call holds no JSON object with a name and arguments"),
        ("[1]", "the tool_call holds no JSON object with a name and arguments"),
        ('{"name": 3}', "the tool_call holds no JSON object with a name and arguments"),
        ('{"name": "search", "arguments": {"query": NaN}}', "the tool_call holds no JSON"),
        ('{"name": "place.at", "arguments": {"x": 1e999, "y": 1}}', "the tool_call holds no JSON"),
        ('{"name": "search", "arguments": {"query": "\\ud800"}}', "the tool_call holds no JSON"),
        ("[" * 100_000, "the tool_call holds no JSON"),
        ('{"name": "buy", "arguments": {}}', "buy is not possible here; write search or place.at or answer"),
        ('{"name": "answer", "arguments": {"text": "x"}}', "answer is not possible here; write"),
        ('{"name": "search"}', "search: the arguments must have 'query'"),
        ('{"name": "search", "arguments": []}', "search: the arguments must be an object"),
        ('{"name": "search", "arguments": {"query": ""}}', "search: query must have at least so many characters: 1"),
        ('{"name": "search", "arguments": {"query": 3}}', "search: query must be a string"),
        ('{"name": "place.at", "arguments": {"x": -1, "y": 1}}', "place.at: x must be at least 0"),
        ('{"name": "place.at", "arguments": {"x": true, "y": 1}}', "place.at: x must be an integer"),
        ('{"name": "place.at", "arguments": {"x": 1, "y": 1, "z": 1}}', "place.at: the arguments must not have 'z'"),
        ('{"name": "search", "arguments": {"query": "a"}, "id": 1}', "search: the call must not have 'id'"),
    ],
)
def test_what_does_not_fit_is_malformed_with_the_reason(text: str, reason: str) -> None:
    found = FORM.parse(call(text) if text else "<tool_call>")
    assert isinstance(found, Malformed)
    assert found.reason.startswith(reason)


def test_a_reason_repeats_no_tag_and_no_flood() -> None:
    found = FORM.parse(call('{"name": "<information>%s", "arguments": {}}' % ("x" * 1000)))
    assert isinstance(found, Malformed)
    assert "<" not in found.reason
    assert len(found.reason) < 250


def test_the_memorys_tool_can_be_out_of_reach() -> None:
    form = make_format(ActionSpace((SEARCH,), form="json").with_own(text_tool("recall", "query")))
    written = call('{"name": "recall", "arguments": {"query": "x"}}')
    assert form.parse(written) == tool_call("recall", query="x")
    assert form.parse(written, without=("recall",)) == Malformed(
        reason="recall is not possible here; write search or answer"
    )


def test_the_description_names_every_tool_with_its_schema() -> None:
    lines = FORM.describe().splitlines()
    assert lines[0] == "Tools:"
    assert '"name": "place.at", "description": "put a stone", "parameters": {"type": "object"' in lines[2]
    assert lines[-1].endswith("</tool_call> or <answer> your answer </answer>")
