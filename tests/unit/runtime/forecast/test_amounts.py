"""What an episode takes at most, worked out by hand: |P| is 16 characters, three turns, budgets 20, 12 and 16."""

from __future__ import annotations

import pytest

from mem1.event_loop import run_here
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.prices import Prices
from mem1.rollout.episode import run_episode
from mem1.runtime.forecast.amounts import Amount, Part, most_of, total
from tests.unit.rollout.worlds import BUDGETS, parts, request, task


def most(memory: MemoryConfig, window: int = 1000) -> Amount:
    engine = ScriptedEngine(lambda *_: "", CharTokenizer())
    made = parts(engine, memory=memory.build())
    return most_of(task(), made, observation=BUDGETS.observation, side=memory.side_tokens, window=window)


def test_a_bounded_memory_reads_what_its_bound_leaves_beside_what_is_written() -> None:
    # A call holds 16 + 2 (20 + 12) + 16 = 96 tokens, of which 32 are written.
    assert most(StateMemoryConfig(budgets=BUDGETS)) == Amount(calls=3, read=3 * 64, written=3 * 32)


@pytest.mark.parametrize(
    ("window", "expected"),
    [(1000, Amount(3, 16 + 64 + 112, 96)), (143, Amount(2, 16 + 64, 64)), (144, Amount(3, 192, 96))],
)
def test_a_history_grows_by_all_budgets_until_the_next_turn_might_not_fit(window: int, expected: Amount) -> None:
    assert most(FullMemoryConfig(budgets=BUDGETS), window) == expected


def test_a_side_call_a_turn_is_counted_within_the_bound() -> None:
    memory = SummaryMemoryConfig(budgets=BUDGETS, summary=40)
    bound = memory.build()(CharTokenizer()).bound()
    assert bound is not None
    assert most(memory) == Amount(6, 3 * (16 + bound - 32) + 3 * (16 + bound - 40), 3 * 32 + 3 * 40)


def test_what_an_episode_took_is_what_its_calls_read_and_wrote() -> None:
    texts = iter(("<think>a</think><search>Peru</search>", "<think>b</think><answer>Lima</answer>"))
    engine = ScriptedEngine(lambda *_: next(texts), CharTokenizer())
    episode = run_here(run_episode(request(), parts(engine)))
    # The tags are tokens of their own: 3 + 6 are written, then P, what was written and 4 of an observation are read.
    assert Amount.of(episode) == Amount(2, 16 + (16 + 9 + 4), 9 + 9)


def test_a_row_has_money_only_where_prices_are_known() -> None:
    part = Part("one", 2, Amount(3, 1_000_000, 500_000), Amount(4, 2_000_000, 1_000_000))
    assert part.row(None) == {
        "part": "one", "episodes": 2, "calls": 3, "tokens": 1_500_000,
        "calls at most": 4, "tokens at most": 3_000_000, "seconds": None, "currency": None,
    }  # fmt: skip
    row = part.row(Prices(input=0.5, output=2.0, currency="EUR"))
    assert (row["cost"], row["cost at most"], row["currency"]) == (1.5, 3.0, "EUR")


def test_a_sum_does_not_know_what_is_usual_where_a_part_does_not() -> None:
    known, unknown = Part("a", 1, Amount(1, 2, 3), Amount(2, 3, 4)), Part("b", 5, None, Amount(1, 1, 1))
    assert total([known, unknown]) == Part("all", 6, None, Amount(3, 4, 5))
    assert total([known, known]).usual == Amount(2, 4, 6)
