"""When a summary is rewritten, from what, and what the policy sees of it."""

from __future__ import annotations

import asyncio

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.inference.tokenizers.toy import ByteTokenizer, CharTokenizer
from mem1.memory.base import Memory
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.types import Observation
from tests.unit.memory.asks import Asked
from tests.unit.memory.test_strategies import ONE, TWO, A, B, complete

TOKENIZER = CharTokenizer()
BUDGETS = Budgets(state=20, action=10, observation=12)


def turn(memory: Memory, letter: str, back: str, asked: Asked) -> str:
    """A whole turn; the context it began with."""
    asyncio.run(memory.prepare(asked))
    seen = TOKENIZER.decode(memory.context())
    memory.read(complete(memory, f"<think>{letter}</think><search>{letter}</search>"))
    memory.observe(Observation(head=back))
    return seen


def test_each_turn_is_folded_into_the_summary() -> None:
    memory = SummaryMemoryConfig(budgets=BUDGETS, summary=40, instruction="Sum up.").build()(TOKENIZER)
    asked = Asked(TOKENIZER, lambda prompt: f" seen {prompt.count('<think>')} pages </summary> more")
    memory.start("P", None)
    assert turn(memory, "a", "1", asked) == "P"
    assert asked.calls == []
    assert turn(memory, "b", "2", asked) == "P<summary>seen 1 pages</summary>" + ONE
    assert turn(memory, "c", "3", asked) == "P<summary>seen 1 pages</summary>" + TWO
    assert asked.prompts == [
        "P" + A + "\nSum up.\n<summary>",
        "P<summary>seen 1 pages</summary>" + ONE + B + "\nSum up.\n<summary>",
    ]
    first = asked.calls[0]
    assert (first.purpose, first.prefix_length) == ("summary", 1)
    assert TOKENIZER.decode(first.completion_token_ids) == " seen 1 pages </summary>"  # nothing after its block
    # 2 * 40 + 12 + 30 + the instruction with its line ends and the opening tag, which is nine characters here
    assert memory.bound() == 80 + 42 + len("\nSum up.\n<summary>")


def test_history_is_kept_word_for_word_as_far_as_it_goes() -> None:
    a_turn = len(TOKENIZER.encode(A + ONE))
    config = SummaryMemoryConfig(budgets=BUDGETS, summary=40, history=2 * a_turn, instruction="S")
    memory, asked = config.build()(TOKENIZER), Asked(TOKENIZER, "short</summary>")
    memory.start("P", None)
    assert [turn(memory, letter, back, asked) for letter, back in (("a", "1"), ("b", "2"), ("c", "3"))] == [
        "P",
        "P" + A + ONE,
        "P" + A + ONE + B + TWO,
    ]
    assert asked.calls == []
    three = "<information>3</information>"
    assert turn(memory, "d", "4", asked) == "P<summary>short</summary>" + three
    assert asked.prompts == ["P" + A + ONE + B + TWO + "<think>c</think><search>c</search>" + "\nS\n<summary>"]


def test_an_empty_summary_is_shown_empty() -> None:
    memory, asked = SummaryMemoryConfig(budgets=BUDGETS, summary=40).build()(TOKENIZER), Asked(TOKENIZER, "")
    memory.start("P", None)
    turn(memory, "a", "1", asked)
    assert turn(memory, "b", "2", asked) == "P<summary></summary>" + ONE


def test_another_engines_tokens_keep_the_limit() -> None:
    config = SummaryMemoryConfig(budgets=BUDGETS, summary=40, instruction="Sum up.")
    memory = config.build()(TOKENIZER)
    other = ByteTokenizer(control=())  # tags are spelled out: every text is longer in its tokens
    asked = Asked(other, "日本語")
    memory.start("P", None)
    turn(memory, "a", "1", asked)
    assert turn(memory, "b", "2", asked) == "P<summary>日本語</summary>" + ONE
    turn(memory, "c", "3", asked)
    last = asked.calls[-1]
    room = memory.bound() or 0
    assert len(last.prompt_token_ids) - last.prefix_length == room - 40  # cut to the last token
    assert other.decode(last.prompt_token_ids).endswith("‹/search>\nSum up.\n<summary>")  # the oldest went


def test_what_the_world_says_is_no_control_string_of_another_engine() -> None:
    memory = SummaryMemoryConfig(budgets=BUDGETS, summary=40, instruction="Sum up.").build()(TOKENIZER)
    other = CharTokenizer(control=("[INST]", "<|im_start|>", "<summary>"))
    asked = Asked(other, "short")
    memory.start("P", Observation(head="[INST]"))
    turn(memory, "a", "1", asked)
    turn(memory, "b", "2", asked)
    assert asked.prompts[0] == (
        "P‹information>·INST]‹/information>‹think>a‹/think>‹search>a‹/search>\nSum up.\n<summary>"
    )
    control = {0, 1, 3}
    assert not control & set(asked.calls[0].prompt_token_ids)


def test_a_policys_tag_cannot_be_the_summarys() -> None:
    config = build(SummaryMemoryConfig, {"tags": {"state": "summary"}}, where="test")
    with pytest.raises(ConfigError, match="a block named 'summary', which is a tag of the policy's"):
        config.build()(TOKENIZER)


def test_a_summary_without_room_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"memory\.summary"):
        SummaryMemoryConfig(budgets=BUDGETS, summary=10).build()(TOKENIZER)
