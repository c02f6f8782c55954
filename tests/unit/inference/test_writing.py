"""Writing by calls: how many there are at most, and what a backend may return."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import pytest

from mem1.errors import BackendError, ContextLimitError
from mem1.inference.base import Request, Section
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.inference.writing import Ask, Piece, write
from mem1.types import Completion, FinishReason

TOKENIZER = CharTokenizer()
X = TOKENIZER.encode("x")[0]


def written(most: Callable[[Ask], int], *budgets: int, logprob: float = -1.0) -> tuple[Completion, list[int]]:
    """A backend that brings ``most(ask)`` tokens of what it is asked for, and never ends; and what it was asked for."""
    asked: list[int] = []

    async def ask(one: Ask) -> Piece:
        asked.append(one.most)
        count = min(one.most, most(one))
        return Piece((X,) * count, (logprob,) * count, ended=False)

    closing = tuple(TOKENIZER.encode("/"))
    sections = tuple(Section(f"s{i}", (), (), budget, closing) for i, budget in enumerate(budgets))
    request = Request(tuple(TOKENIZER.encode("P")), sections, "s")
    return asyncio.run(write(request, TOKENIZER, ask, max_context=10_000)), asked


def test_sections_that_are_filled_take_one_call_each() -> None:
    completion, asked = written(lambda ask: 1000, 11, 21)
    assert asked == [10, 20]
    assert completion.section_ends == (11, 32)


def test_a_backend_that_brings_half_each_time_gets_there() -> None:
    """Of 100: 50, 25, 12, 6, 3, 2, 1, 1 (rounded up: half of what is asked for)."""
    completion, asked = written(lambda ask: (ask.most + 1) // 2, 101)
    assert asked == [100, 50, 25, 12, 6, 3, 1]
    assert completion.section_ends == (101,)


def test_a_backend_that_brings_less_than_a_quarter_is_asked_three_times() -> None:
    completion, asked = written(lambda ask: 24, 101)  # 24 of 100, 24 of 76, 24 of 52: the first alone is short
    assert asked == [100, 76, 52, 28, 4]
    completion, asked = written(lambda ask: 2, 101)
    assert asked == [100, 98, 96]
    assert (completion.finish, len(completion.token_ids)) == (FinishReason.LENGTH, 6)


def test_no_completion_takes_calls_without_end() -> None:
    """A quarter and one each time: progress, but one that takes for ever."""
    completion, asked = written(lambda ask: ask.most // 4 + 1, 100_001 // 11)
    assert len(asked) == 17
    assert completion.finish is FinishReason.LENGTH


@pytest.mark.parametrize("logprob", [math.nan, math.inf, -math.inf])
def test_a_log_probability_that_is_no_number_is_refused(logprob: float) -> None:
    with pytest.raises(BackendError, match="no number"):
        written(lambda ask: 5, 11, logprob=logprob)


def test_a_prompt_that_fills_the_context_is_the_limit_of_the_context() -> None:
    async def never(one: Ask) -> Piece:
        raise AssertionError

    request = Request((X,) * 20, (Section("a", (), (), 5),), "s")
    with pytest.raises(ContextLimitError, match="a prompt of 20 tokens leaves no room in a context of 20"):
        asyncio.run(write(request, TOKENIZER, never, max_context=20))
