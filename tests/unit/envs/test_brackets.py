"""The published agent's action format."""

from __future__ import annotations

import pytest

from mem1.envs.actions import parse_action, parse_brackets
from mem1.memory.text.tags import Tags
from mem1.types import Action, Click, Malformed, Search

TAGS = Tags().actions


@pytest.mark.parametrize(
    ("text", "action"),
    [
        ("search[red lamp]", Search(query="red lamp")),
        (" Click[ buy now ] ", Click(target="buy now")),
        ("click[size [small]]", Click(target="size [small]")),
        ("click[8]\nclick[9]", Click(target="8]\nclick[9")),  # one thing with that name, which no page has
        ("click[]", Malformed(reason="no action was found; write search[...] or click[...]")),
        ("buy[lamp]", Malformed(reason="no action was found; write search[...] or click[...]")),
        ("I search[lamp]", Malformed(reason="no action was found; write search[...] or click[...]")),
        ("", Malformed(reason="no action was found; write search[...] or click[...]")),
    ],
)
def test_brackets(text: str, action: Action) -> None:
    assert parse_brackets(text) == action


def test_brackets_inside_the_answers_tag() -> None:
    assert parse_action("<answer>click[< prev]</answer>", TAGS, ("search", "click"), "brackets") == Click(
        target="< prev"
    )
    assert parse_action("<answer>lamp</answer>", TAGS, ("search", "click"), "brackets") == Malformed(
        reason="no action was found; write search[...] or click[...]"
    )
    assert isinstance(parse_action("search[lamp]", TAGS, ("search", "click"), "brackets"), Malformed)
    assert parse_brackets("click[x]", ("search",)) == Malformed(reason="click is not possible here; write search[...]")
