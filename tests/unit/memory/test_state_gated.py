"""A page that stays, and what is added to it or struck from it."""

from __future__ import annotations

import asyncio

import pytest

from mem1.inference.base import Request, Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import ByteTokenizer, CharTokenizer
from mem1.memory.base import Memory
from mem1.memory.strategies.state_gated import INSTRUCTION, GatedStateMemoryConfig, edited, quoted
from mem1.memory.text.format import Budgets
from mem1.types import Answer, Observation
from tests.unit.inference.bpe import bpe

TOKENIZERS: dict[str, Tokenizer] = {"characters": CharTokenizer(), "bytes": ByteTokenizer(control=()), "bpe": bpe()}


@pytest.mark.parametrize(
    ("page", "written", "after"),
    [
        ((), "= so far nothing\n+(1) Lima", ("+(1) Lima",)),
        (("+(1) Lima",), "=", ("+(1) Lima",)),
        (("+(1) Lima",), "= nothing new\nhere", ("+(1) Lima",)),
        (("+(1) Lima", "+?(2) gdp"), " =\n-?\n + (2) 7 \n+?(3) age", ("+(1) Lima", "+ (2) 7", "+?(3) age")),
        (("+(1) a", "+(1) b", "+(2) c", "free (1)"), "=\n-(1)", ("+(2) c", "free (1)")),
        (("free", "+freer"), "=\n-free", ()),
        (("+a",), "=\n-\n+\n-b", ("+a",)),  # marks alone, and nothing that begins so
        ((), "=\n+a\n+b\n-a\n+a", ("+b", "+a")),  # in their order
        (("+a",), "=+b", ("+a", "+b")),
    ],
)
def test_edits_by_hand(page: tuple[str, ...], written: str, after: tuple[str, ...]) -> None:
    assert edited(page, written) == after


@pytest.mark.parametrize("written", ["", "a new page", "+a", "-a", "a =\n+b"])
def test_what_does_not_begin_with_the_sign_is_a_new_page(written: str) -> None:
    assert edited(("+a",), written) is None


def made(tokenizer: Tokenizer, state: int = 200, instruction: str = "") -> Memory:
    budgets = Budgets(state=state, action=80, observation=120)
    memory = GatedStateMemoryConfig(budgets=budgets, instruction=instruction).build()(tokenizer)
    memory.start("P.\n", None)
    return memory


def turn(memory: Memory, tokenizer: Tokenizer, written: str) -> str:
    """What the context holds beside P after ``written`` and an observation."""
    engine = ScriptedEngine(lambda *_: written, tokenizer)
    memory.read(asyncio.run(engine.generate(Request(memory.context(), memory.sections(), session="s"))))
    memory.observe(Observation(head="seen"))
    return tokenizer.decode(memory.context()[memory.prefix_length :])


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS.keys())
def test_the_page_is_set_in_again_with_its_edits(tokenizer: Tokenizer) -> None:
    memory = made(tokenizer)
    rest = "<search> q</search><information>seen</information>"
    first = turn(memory, tokenizer, "<think>=\n+(1) Lima\n+?(2) gdp</think><search> q</search>")
    assert first == f"<think>\n+(1) Lima\n+?(2) gdp</think>{rest}"
    second = turn(memory, tokenizer, "<think>= gdp: 7\n-?\n+(2) 7</think><search> q</search>")
    assert second == f"<think>\n+(1) Lima\n+(2) 7</think>{rest}"
    assert turn(memory, tokenizer, "<think>=</think><search> q</search>") == second


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS.keys())
def test_a_new_page_is_carried_as_it_was_sampled_and_can_be_edited(tokenizer: Tokenizer) -> None:
    memory = made(tokenizer)
    rest = "<search> q</search><information>seen</information>"
    page = "<think> two\n\n lines </think>"
    assert turn(memory, tokenizer, f"{page}<search> q</search>") == page + rest
    assert turn(memory, tokenizer, "<think>=\n+three</think><search> q</search>") == (
        f"<think>\n two\n lines \n+three</think>{rest}"
    )
    assert turn(memory, tokenizer, "<think>=\n-two</think><search> q</search>") == (
        f"<think>\n lines \n+three</think>{rest}"
    )


def test_kept_lines_have_the_same_tokens_in_every_context() -> None:
    tokenizer = TOKENIZERS["bpe"]
    memory = made(tokenizer)
    turn(memory, tokenizer, "<think>=\n+(1) the values of it</think><search> q</search>")
    kept = tuple(tokenizer.encode("\n+(1) the values of it"))
    for number in range(3):
        turn(memory, tokenizer, f"<think>=\n+({number}) x</think><search> q</search>")
        start = len(tokenizer.encode("P.\n")) + len(tokenizer.encode("<think>"))
        assert memory.context()[start : start + len(kept)] == kept


def test_a_line_that_does_not_fit_is_not_added_and_the_page_stays() -> None:
    """Tags are one token each here: 20 - 2 = 18 characters for lines, each with a newline in front."""
    tokenizer = CharTokenizer()
    memory = made(tokenizer, state=20)
    turn(memory, tokenizer, "<think>=\n+12345</think><search> q</search>")  # 7 tokens
    full = turn(memory, tokenizer, "<think>=\n+1234567890</think><search> q</search>")  # 12 more do not fit
    assert full.startswith("<think>\n+12345</think>")
    assert turn(memory, tokenizer, "<think>=\n+123456789</think><search> q</search>").startswith(
        "<think>\n+12345\n+123456789</think>"  # 7 + 11 do
    )


def test_the_instruction_stands_after_the_prompt_and_counts_in_the_bound() -> None:
    tokenizer = CharTokenizer()
    memory = made(tokenizer, instruction="Edit.")
    assert tokenizer.decode(memory.context()) == "P.\nEdit.\n"
    assert memory.prefix_length == 3
    assert memory.bound() == 2 * (200 + 80) + 120 + len("Edit.\n")


@pytest.mark.parametrize(
    ("page", "answer"),
    [
        ((), ""),
        (("+(1) Lima", "+?(2) gdp"), "(1) Lima"),
        (("free", " (7) a; b ", "+ (3) c", "+(7) again", "+(12)d"), "(7) a; b; (3) c; (12)d"),
        (("+(1)", "+(x) a", "+1. a", "(2) "), ""),  # a number without a value, and what is no number in brackets
    ],
)
def test_what_is_quoted_by_hand(page: tuple[str, ...], answer: str) -> None:
    assert quoted(page) == answer


@pytest.mark.parametrize("tokenizer", TOKENIZERS.values(), ids=TOKENIZERS.keys())
def test_an_answer_quotes_the_page_as_it_stands_when_the_turn_is_written(tokenizer: Tokenizer) -> None:
    budgets = Budgets(state=200, action=80, observation=120)
    memory = GatedStateMemoryConfig(budgets=budgets, instruction="", quotes=True).build()(tokenizer)
    memory.start("P.\n", None)
    turn(memory, tokenizer, "<think>=\n+(1) Lima\n+?(2) gdp</think><search> gdp</search>")
    turn(memory, tokenizer, "<think>= gdp: 7\n-?\n+(2) 7</think><answer>=</answer>")
    assert memory.actions.parse("<answer>=</answer>") == Answer(text="(1) Lima; (2) 7")


def test_a_line_that_did_not_fit_is_not_quoted() -> None:
    """Tags are one token each here: 20 - 2 = 18 characters for lines, of which the first takes 9."""
    memory = GatedStateMemoryConfig(
        budgets=Budgets(state=40, action=80, observation=120), instruction="", quotes=True
    ).build()(CharTokenizer())
    memory.start("P.\n", None)
    turn(memory, CharTokenizer(), "<think>=\n+(1) Lima\n+(2) 123456789</think><search> q</search>")
    turn(memory, CharTokenizer(), "<think>=\n+(3) 1234567890123</think><search> q</search>")
    assert memory.actions.parse("<answer>=</answer>") == Answer(text="(1) Lima; (2) 123456789")


def test_without_quotes_the_sign_is_an_answer_like_any_other() -> None:
    memory = made(CharTokenizer())
    turn(memory, CharTokenizer(), "<think>=\n+(1) Lima</think><search> q</search>")
    assert memory.actions.parse("<answer>=</answer>") == Answer(text="=")


def test_only_the_usual_instruction_is_told_of_quotes() -> None:
    tokenizer = CharTokenizer()

    def told(**settings: str | bool) -> str:
        memory = GatedStateMemoryConfig.model_validate(settings).build()(tokenizer)
        memory.start("P.\n", None)
        return tokenizer.decode(memory.context())

    assert told() == f"P.\n{INSTRUCTION}\n"
    assert told(quotes=True).startswith(f"P.\n{INSTRUCTION} Your answer can be your page: <answer>=</answer> answers")
    assert told(quotes=True, instruction="Edit. Quote.") == "P.\nEdit. Quote.\n"
