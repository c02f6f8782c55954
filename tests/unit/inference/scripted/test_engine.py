"""The scripted engine and the toy tokenizers."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.errors import BackendError
from mem1.inference.base import Engine, Request, Section, Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CONTROL_STRINGS, ByteTokenizer, CharTokenizer, WordTokenizer
from mem1.types import FinishReason

ALL: list[CharTokenizer | ByteTokenizer | WordTokenizer] = [CharTokenizer(), ByteTokenizer(), WordTokenizer()]


@given(st.lists(st.sampled_from(CONTROL_STRINGS) | st.text(st.characters(exclude_categories=["Cs"]))).map("".join))
def test_toy_tokenizers_are_reversible(text: str) -> None:
    for tokenizer in ALL:
        assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("tokenizer", ALL)
def test_control_strings_are_single_ids(tokenizer: CharTokenizer | ByteTokenizer | WordTokenizer) -> None:
    assert isinstance(tokenizer, Tokenizer)
    ids = [tokenizer.encode(text) for text in tokenizer.special_strings]
    assert ids == [[index] for index in range(len(tokenizer.special_strings))]
    assert tokenizer.decode([tokenizer.eos_id]) == "<|end|>"


def test_word_tokens_by_hand() -> None:
    tokenizer = WordTokenizer()
    assert [tokenizer.decode([i]) for i in tokenizer.encode("to be,  or <think>to")] == [
        *("to", " be", ",", " ", " or", " ", "<think>", "to"),
    ]


PARTS = (Section("state", ("</think>",), ("</search>",), 6, (1,)), Section("action", (), ("</search>",), 4))


def generate(engine: ScriptedEngine, prompt: str = "P") -> tuple[str, FinishReason, tuple[int, ...]]:
    ids = tuple(engine.tokenizer.encode(prompt))
    done = asyncio.run(engine.generate(Request(ids, PARTS, session="s")))
    return engine.tokenizer.decode(done.token_ids), done.finish, done.section_ends


def test_writes_what_the_script_says_and_no_more() -> None:
    seen: list[tuple[str, str]] = []

    def script(session: str, context: str) -> str:
        seen.append((session, context))
        return "<think>ab</think>c</search>ignored"

    engine = ScriptedEngine(script, CharTokenizer())
    assert isinstance(engine, Engine)
    assert generate(engine, "the prompt") == ("<think>ab</think>c</search>", FinishReason.STOP, (4, 6))
    assert seen == [("s", "the prompt")]


@pytest.mark.parametrize(
    ("text", "written", "finish", "ends"),
    [
        ("", "<|end|>", FinishReason.EOS, (1,)),
        ("abcdefghijklm", "abcde</think>fghi", FinishReason.LENGTH, (6, 10)),
        ("</think>abcd", "</think>abcd", FinishReason.LENGTH, (1, 5)),
        ("</think>ab", "</think>ab<|end|>", FinishReason.EOS, (1, 4)),
    ],
)
def test_sections_hold_for_scripts(text: str, written: str, finish: FinishReason, ends: tuple[int, ...]) -> None:
    assert generate(ScriptedEngine(lambda *_: text, CharTokenizer())) == (written, finish, ends)


def test_context_is_never_exceeded() -> None:
    engine = ScriptedEngine(lambda *_: "abcdefgh", CharTokenizer(), max_context=7)
    assert generate(engine, "1234") == ("abc", FinishReason.LENGTH, (3,))
    with pytest.raises(BackendError, match="no room"):
        generate(engine, "1234567")


def test_a_closed_engine_refuses() -> None:
    engine = ScriptedEngine(lambda *_: "a")
    asyncio.run(engine.close())
    with pytest.raises(BackendError, match="closed"):
        generate(engine)
