"""Actions as tags, case by case."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.actions import ActionSpace, make_format
from mem1.actions.tools import CLICK, OPEN, SEARCH, SEARCH_AND_ANSWER
from mem1.errors import ConfigError
from mem1.types import Action, Answer, Malformed, ToolCall, ToolSpec, text_tool, tool_call

FORM = make_format(SEARCH_AND_ANSWER)
ALL = make_format(ActionSpace((SEARCH, OPEN, CLICK)))
NAMES = ("search", "open", "click", "answer")


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("<search>capital of Peru</search>", tool_call("search", query="capital of Peru")),
        ("<answer>\n Lima ; Quito \n</answer>", Answer(text="Lima ; Quito")),
        ("so: <search>a</search><answer>b</answer>", tool_call("search", query="a")),
        ("<search> </search><answer>b</answer>", Answer(text="b")),
        ("<search>a <search>b</search>", tool_call("search", query="b")),
        ("<search>a<answer>b</answer>", Answer(text="b")),
        ("<answer>a < b and <i>c</i></answer>", Answer(text="a < b and <i>c</i>")),
        ("<search>line one\nline two</search>", tool_call("search", query="line one\nline two")),
    ],
)
def test_first_well_formed_action_wins(text: str, action: Action) -> None:
    assert FORM.parse(text) == action


def test_every_tool_has_a_tag() -> None:
    assert ALL.parse("<open>http://a</open>") == tool_call("open", url="http://a")
    assert ALL.parse("<click>Buy now</click>") == tool_call("click", target="Buy now")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "nothing was written where an action was due; write search or answer"),
        (" \n", "nothing was written where an action was due; write search or answer"),
        ("Lima", "no action tag was found; write search or answer"),
        ("<Search>Lima</Search>", "no action tag was found; write search or answer"),
        ("<search>Lima", "the search tag was opened but not closed"),
        ("Lima</answer>", "the answer tag was closed but not opened"),
        ("<search></search>", "the search tag holds no text of its own"),
        ("<search>Lima</answer>", "the search tag was opened but not closed"),
        ("<open>http://a</open>", "no action tag was found; write search or answer"),
        ("<information><search", "no action tag was found; write search or answer"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert FORM.parse(text) == Malformed(reason=reason)


def test_a_tool_that_is_not_to_be_had_now_is_not_possible() -> None:
    form = make_format(SEARCH_AND_ANSWER.with_own(text_tool("recall", "query")))
    assert form.stops == ("</search>", "</answer>", "</recall>")
    assert form.parse("<recall>a</recall>") == tool_call("recall", query="a")
    assert form.parse("<recall>a</recall>", without=("recall",)) == Malformed(
        reason="recall is not possible here; write search or answer"
    )


def test_tag_names_are_a_parameter() -> None:
    form = make_format(ActionSpace((SEARCH,), takes_answer=False), {"search": "query", "answer": "final"})
    assert form.parse("<query>a</query>") == tool_call("search", query="a")
    assert form.parse("<search>a</search>") == Malformed(reason="no action tag was found; write query")


def test_a_strangers_tool_is_written_read_and_described() -> None:
    lookup = text_tool("lookup", "key", "find an entry")
    form = make_format(ActionSpace((lookup,)))
    assert form.stops == ("</lookup>", "</answer>")
    action = tool_call("lookup", key="Peru")
    assert form.write(action) == "<lookup> Peru</lookup>"
    assert form.parse(form.write(action)) == action
    assert form.describe() == "<lookup> key </lookup>: find an entry\n<answer> your answer </answer>"


def test_a_tool_that_takes_nothing_has_an_empty_tag() -> None:
    form = make_format(ActionSpace((ToolSpec(name="look"),)))
    assert form.parse("<look></look>") == form.parse("<look> \n</look>") == ToolCall(name="look")
    assert form.write(ToolCall(name="look")) == "<look></look>"
    assert form.parse("<look>there</look>") == Malformed(reason="the look tag takes no text")


def test_arguments_are_checked_against_the_schema() -> None:
    schema = {"type": "object", "properties": {"side": {"type": "string", "enum": ["heads", "tails"]}}}
    form = make_format(ActionSpace((ToolSpec(name="bet", parameters=schema),)))
    assert form.parse("<bet>heads</bet>") == tool_call("bet", side="heads")
    assert form.parse("<bet>edge</bet>") == Malformed(reason="bet: side must be one of heads, tails")


@pytest.mark.parametrize(
    ("tools", "names", "message"),
    [
        ((text_tool("a.b", "x"),), {}, "'a.b' is no name for a tag"),
        ((SEARCH, text_tool("seek", "x")), {"seek": "search"}, "two actions would have the tag 'search'"),
        ((text_tool("find", "x"),), {"find": "answer"}, "two actions would have the tag 'answer'"),
        (
            (ToolSpec(name="add", parameters={"properties": {"a": {"type": "number"}}, "required": ["a"]}),),
            {},
            "takes more than one text",
        ),
        (
            (ToolSpec(name="put", parameters={"properties": {n: {"type": "string"} for n in "ab"}}),),
            {},
            "takes more than one text",
        ),
    ],
)
def test_what_cannot_be_a_tag_is_refused(tools: tuple[ToolSpec, ...], names: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_format(ActionSpace(tools), names)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="two actions are named 'search'"):
        ActionSpace((SEARCH, SEARCH))
    with pytest.raises(ConfigError, match="two actions are named 'answer'"):
        ActionSpace((text_tool("answer", "text"),))


@given(st.lists(st.sampled_from([*(f"<{s}{n}>" for n in NAMES for s in ("", "/")), "a", " ", "<", ">"])).map("".join))
def test_what_is_inside_never_holds_an_action_tag(text: str) -> None:
    match ALL.parse(text):
        case Malformed(reason=reason):
            assert "<" not in reason
        case ToolCall() | Answer() as action:
            inner = action.text
            assert inner
            assert inner == inner.strip()
            assert not any(f"<{s}{n}>" in inner for n in NAMES for s in ("", "/"))


def test_hostile_text_is_parsed_in_linear_time() -> None:
    began = time.process_time()
    for text in ("<search>" * 50_000, "<search>" + "a" * 400_000, "<search>a" * 40_000, "</search>" * 40_000):
        assert isinstance(FORM.parse(text), Malformed)
    assert time.process_time() - began < 2
