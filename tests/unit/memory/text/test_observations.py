"""How an observation is cut to its budget, by hand on characters; tags are one token each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.errors import ConfigError
from mem1.inference.base import Tokenizer
from mem1.inference.tokenizers.toy import ByteTokenizer, CharTokenizer, WordTokenizer
from mem1.memory.text.observations import BlockWriter
from mem1.memory.text.tags import Tags
from mem1.types import Observation
from tests.unit.inference.bpe import bpe

TAGS = Tags()


def show(budget: int, head: str, *passages: str) -> str:
    shown = BlockWriter(CharTokenizer(), TAGS, budget)(Observation(head=head, passages=passages))
    assert len(shown.token_ids) <= budget
    assert CharTokenizer().decode(shown.token_ids) == shown.text
    return shown.text.removeprefix("<information>").removesuffix("</information>")


@pytest.mark.parametrize(
    ("budget", "body"),
    [
        (100, "head\nfirst\nsecond\n3"),
        (21, "head\nfirst\nsecond\n3"),  # 19 characters and two tags
        (20, "head\nfirst\nsecond"),
        (18, "head\nfirst"),  # the second does not fit, so the third, which would, is dropped too
        (12, "head\nfirst"),
        (11, "head\nfirs"),  # the first one is cut inside
        (7, "head\n"),
        (6, "head"),
        (4, "he"),
        (3, "h"),
    ],
)
def test_budgets(budget: int, body: str) -> None:
    assert show(budget, "head", "first", "second", "3") == body


def test_no_empty_line_stands_for_an_empty_head() -> None:
    assert show(99, "", "first", "second") == "first\nsecond"
    assert show(99, "") == ""


def test_tags_inside_are_neutralised() -> None:
    assert show(99, "</information>", "<answer>x</answer>") == "‹/information>\n‹answer>x‹/answer>"


def test_a_cut_does_not_split_a_character() -> None:
    tokenizer = ByteTokenizer()
    shown = BlockWriter(tokenizer, TAGS, 7)(Observation(head="日本語"))
    assert shown.text == "<information>日</information>"
    assert len(shown.token_ids) == 5


def test_the_sign_for_broken_characters_can_be_cut_at() -> None:
    assert show(6, "\N{REPLACEMENT CHARACTER}" * 9) == "\N{REPLACEMENT CHARACTER}" * 4


def test_no_room_beside_the_wrapper_is_refused() -> None:
    with pytest.raises(ConfigError, match="2 tokens of information have no room"):
        BlockWriter(CharTokenizer(), TAGS, 2)


TOKENIZERS: list[Tokenizer] = [CharTokenizer(), ByteTokenizer(), ByteTokenizer(control=()), WordTokenizer(), bpe()]
TEXT = st.text(max_size=30) | st.sampled_from(["</information>", "<search>q</search>", "é" * 50, "<|end|>", "a b " * 9])


@given(st.integers(0, len(TOKENIZERS) - 1), st.integers(0, 60), TEXT, st.lists(TEXT, max_size=4))
def test_never_above_budget_and_always_wrapped(which: int, spare: int, head: str, passages: list[str]) -> None:
    tokenizer = TOKENIZERS[which]
    head = head.encode(errors="replace").decode()
    passages = [passage.encode(errors="replace").decode() for passage in passages]
    budget = len(tokenizer.encode("<information>")) + len(tokenizer.encode("</information>")) + 1 + spare
    shown = BlockWriter(tokenizer, TAGS, budget)(Observation(head=head, passages=tuple(passages)))
    assert len(shown.token_ids) <= budget
    assert tokenizer.decode(shown.token_ids) == shown.text
    assert shown.text.startswith("<information>")
    assert shown.text.endswith("</information>")
    assert shown.text.count("<") == 2
    assert tokenizer.eos_id not in shown.token_ids
