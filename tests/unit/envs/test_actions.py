"""The one parser of actions, case by case."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.envs.actions import parse_action
from mem1.types import Action, Answer, Click, Malformed, Open, Search

TAGS = {"search": "search", "open": "open", "click": "click", "answer": "answer"}


def parse(text: str, allowed: tuple[str, ...] = ("search", "answer")) -> Action:
    return parse_action(text, TAGS, allowed)


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("<search>capital of Peru</search>", Search(query="capital of Peru")),
        ("<answer>\n Lima ; Quito \n</answer>", Answer(text="Lima ; Quito")),
        ("so: <search>a</search><answer>b</answer>", Search(query="a")),
        ("<search> </search><answer>b</answer>", Answer(text="b")),
        ("<search>a <search>b</search>", Search(query="b")),
        ("<search>a<answer>b</answer>", Answer(text="b")),
        ("<answer>a < b and <i>c</i></answer>", Answer(text="a < b and <i>c</i>")),
        ("<search>line one\nline two</search>", Search(query="line one\nline two")),
    ],
)
def test_first_well_formed_action_wins(text: str, action: Action) -> None:
    assert parse(text) == action


def test_every_kind() -> None:
    everything = tuple(TAGS)
    assert parse("<open>http://a</open>", everything) == Open(url="http://a")
    assert parse("<click>Buy now</click>", everything) == Click(target="Buy now")


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
        ("<open>http://a</open>", "open is not possible here; write search or answer"),
        ("<information><search", "no action tag was found; write search or answer"),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    assert parse(text) == Malformed(reason=reason)


def test_tag_names_are_a_parameter() -> None:
    tags = {"search": "query", "answer": "final"}
    assert parse_action("<query>a</query>", tags, ["search"]) == Search(query="a")
    assert parse_action("<search>a</search>", tags, ["search"]) == Malformed(
        reason="no action tag was found; write query"
    )


@given(st.lists(st.sampled_from([*(f"<{s}{n}>" for n in TAGS for s in ("", "/")), "a", " ", "<", ">"])).map("".join))
def test_what_is_inside_never_holds_an_action_tag(text: str) -> None:
    match parse(text, tuple(TAGS)):
        case Search(query=inner) | Open(url=inner) | Click(target=inner) | Answer(text=inner):
            assert inner
            assert inner == inner.strip()
            assert not any(f"<{s}{n}>" in inner for n in TAGS for s in ("", "/"))
        case Malformed(reason=reason):
            assert "<" not in reason


def test_hostile_text_is_parsed_in_linear_time() -> None:
    began = time.process_time()
    for text in ("<search>" * 50_000, "<search>" + "a" * 400_000, "<search>a" * 40_000, "</search>" * 40_000):
        assert isinstance(parse(text), Malformed)
    assert time.process_time() - began < 2
