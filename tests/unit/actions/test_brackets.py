"""The published agent's action format."""

from __future__ import annotations

import pytest

from mem1.actions import ActionSpace, make_format
from mem1.actions.brackets import parse_brackets
from mem1.actions.tools import CLICK, SEARCH
from mem1.errors import ConfigError
from mem1.types import Action, Answer, Malformed, ToolSpec, tool_call

TOOLS = (SEARCH, CLICK)
SPACE = ActionSpace(TOOLS, takes_answer=False, form="brackets")


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("search[red lamp]", tool_call("search", query="red lamp")),
        (" Click[ buy now ] ", tool_call("click", target="buy now")),
        ("click[size [small]]", tool_call("click", target="size [small]")),
        ("click[a] b]", tool_call("click", target="a] b")),
        *(
            (text, Malformed(reason="more than one action was found; write one, search[...] or click[...]"))
            for text in ("click[8]\nclick[9]", "search[a] click[b]", "search[a], then Click [b]", "click[a]search[b]")
        ),
        ("click[]", Malformed(reason="no action was found; write search[...] or click[...]")),
        ("buy[lamp]", Malformed(reason="no action was found; write search[...] or click[...]")),
        ("I search[lamp]", Malformed(reason="no action was found; write search[...] or click[...]")),
        ("", Malformed(reason="no action was found; write search[...] or click[...]")),
    ],
)
def test_brackets(text: str, action: Action) -> None:
    assert parse_brackets(text, TOOLS) == action


def test_brackets_inside_the_answers_tag() -> None:
    form = make_format(SPACE)
    assert form.parse("<answer>click[< prev]</answer>") == tool_call("click", target="< prev")
    assert form.parse("<answer>lamp</answer>") == Malformed(
        reason="no action was found; write search[...] or click[...]"
    )
    assert isinstance(form.parse("search[lamp]"), Malformed)
    assert form.parse("<answer>click[x]</answer>", without=("click",)) == Malformed(
        reason="click is not possible here; write search[...]"
    )


def test_only_the_answers_tag_stops_what_is_written() -> None:
    form = make_format(SPACE, {"answer": "final"})
    assert (form.openings, form.stops) == (("<final>",), ("</final>",))
    assert form.write(tool_call("search", query="red lamp")) == "<final> search[red lamp]</final>"
    assert form.describe().splitlines()[1].startswith("<final> click[target] </final>: ")


def test_a_strangers_tool_with_one_text_has_brackets_too() -> None:
    lookup = ToolSpec(name="Look.up", parameters={"type": "object", "properties": {"key": {"type": "string"}}})
    form = make_format(ActionSpace((lookup,), takes_answer=False, form="brackets"))
    assert form.parse("<answer>look.up[a]</answer>") == tool_call("Look.up", key="a")


@pytest.mark.parametrize(
    "space",
    [
        ActionSpace(TOOLS, form="brackets"),
        ActionSpace((ToolSpec(name="look"),), takes_answer=False, form="brackets"),
    ],
    ids=["answers", "a tool without a text"],
)
def test_what_has_no_brackets_is_refused(space: ActionSpace) -> None:
    with pytest.raises(ConfigError, match="in brackets"):
        make_format(space)


def test_an_answer_cannot_be_written_in_brackets() -> None:
    with pytest.raises(ValueError, match="brackets"):
        make_format(SPACE).write(Answer(text="x"))
