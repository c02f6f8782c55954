"""An answer that stands for what is kept."""

from __future__ import annotations

import pytest

from mem1.actions import ActionSpace, make_format
from mem1.actions.quoting import QuotingActions
from mem1.actions.tools import SEARCH, SEARCH_AND_ANSWER
from mem1.errors import ConfigError
from mem1.types import Answer, Malformed, tool_call


def form(quoted: str = "(1) Lima; (2) Accra") -> QuotingActions:
    return QuotingActions(make_format(SEARCH_AND_ANSWER), lambda: quoted)


@pytest.mark.parametrize("text", ["<answer>=</answer>", "<answer> = </answer>", "so <answer>\n=\n</answer> and on"])
def test_the_sign_alone_is_filled_in(text: str) -> None:
    assert form().parse(text) == Answer(text="(1) Lima; (2) Accra")


@pytest.mark.parametrize("text", ["= 4", "==", "x =", "(1) ="])
def test_any_other_answer_is_as_it_was_written(text: str) -> None:
    assert form().parse(f"<answer>{text}</answer>") == Answer(text=text)


def test_a_call_of_the_sign_is_a_call() -> None:
    assert form().parse("<search>=</search>") == tool_call("search", query="=")


def test_a_quote_of_nothing_is_malformed_and_says_why() -> None:
    action = form("").parse("<answer>=</answer>")
    assert isinstance(action, Malformed)
    assert action.reason == "answer quotes the page, but no line of it begins with a number in brackets"


def test_all_else_is_as_the_form_within_has_it() -> None:
    inner, outer = make_format(SEARCH_AND_ANSWER), form()
    assert (outer.stops, outer.openings, outer.control_strings) == (inner.stops, inner.openings, inner.control_strings)
    assert outer.space == inner.space
    assert outer.describe() == inner.describe()
    assert outer.write(Answer(text="a")) == inner.write(Answer(text="a"))
    assert outer.parse("nothing") == inner.parse("nothing")


@pytest.mark.parametrize(
    ("space", "why"),
    [
        (ActionSpace((SEARCH,), takes_answer=False), "nothing is answered"),
        (ActionSpace((), form="turn"), "the environment reads whole turns"),
    ],
)
def test_where_there_is_no_answer_to_fill_in_it_is_refused(space: ActionSpace, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        QuotingActions(make_format(space), lambda: "")
