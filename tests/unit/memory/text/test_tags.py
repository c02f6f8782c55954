"""Tag names."""

from __future__ import annotations

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.memory.text.tags import Tags


def test_strings() -> None:
    tags = Tags(search="query")
    assert (Tags.opening("a"), Tags.closing("a")) == ("<a>", "</a>")
    assert tags.actions == {"search": "query", "open": "open", "click": "click", "answer": "answer"}
    assert len(tags.control_strings) == 12
    assert {"<query>", "</query>", "<think>", "</information>"} <= set(tags.control_strings)
    assert "<search>" not in tags.control_strings


@pytest.mark.parametrize("name", ["", "a b", "<a>", "9a", "a/"])
def test_names_that_could_break_a_tag_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="tag name"):
        build(Tags, {"search": name}, where="test")


def test_names_are_distinct() -> None:
    with pytest.raises(ConfigError, match="'think' is used twice"):
        build(Tags, {"search": "think"}, where="test")
