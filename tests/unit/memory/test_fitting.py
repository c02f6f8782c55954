"""Equal budgets: every strategy's bound is what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.errors import ConfigError
from mem1.inference.base import Tokenizer
from mem1.inference.tokenizers.toy import ByteTokenizer, WordTokenizer
from mem1.memory.config import MemoryConfig
from mem1.memory.fitting import fitted
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.notes import NotesMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.state_recall import RecallMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.memory.strategies.window import WindowMemoryConfig
from mem1.memory.text.format import Budgets

BUDGETS = Budgets(state=100, action=50, observation=200)
WORDS = WordTokenizer()
BOUNDED: list[MemoryConfig] = [
    WindowMemoryConfig(budgets=BUDGETS),
    StateMemoryConfig(budgets=BUDGETS),
    RecallMemoryConfig(budgets=BUDGETS),
    SummaryMemoryConfig(budgets=BUDGETS),
    NotesMemoryConfig(budgets=BUDGETS),
    NotesMemoryConfig(budgets=BUDGETS, write="turn"),
]


def bound(config: MemoryConfig, tokenizer: Tokenizer = WORDS) -> int | None:
    return config.build()(tokenizer).bound()


def test_sizes_by_hand() -> None:
    # The bound of state: 2 * (100 + 50) + 200 = 500.
    state = fitted(BOUNDED[1], 500, WORDS)
    assert state == BOUNDED[1]
    window = fitted(BOUNDED[0], 500, WORDS)
    assert isinstance(window, WindowMemoryConfig)
    assert window.window == 500 - 150
    notes = fitted(NotesMemoryConfig(budgets=BUDGETS), 500, WORDS)
    assert isinstance(notes, NotesMemoryConfig)
    assert (notes.notes, notes.note) == (500 - 200 - 150, 75)
    instruction = "Sum up."
    summary = fitted(SummaryMemoryConfig(budgets=BUDGETS, instruction=instruction), 500, WORDS)
    assert isinstance(summary, SummaryMemoryConfig)
    cue = len(WORDS.encode(f"\n{instruction}\n<summary>"))
    assert summary.summary == (500 - 200 - 150 - cue) // 2


@settings(max_examples=60, deadline=None)
@given(cap=st.integers(450, 3000), config=st.sampled_from(BOUNDED))
def test_the_bound_comes_as_close_as_it_can(cap: int, config: MemoryConfig) -> None:
    found = fitted(config, cap, WORDS)
    assert found.type == config.type
    assert cap - 1 <= (bound(found) or 0) <= cap


def test_full_has_no_bound_to_set() -> None:
    assert fitted(FullMemoryConfig(), 100, WORDS) == FullMemoryConfig()


@pytest.mark.parametrize("config", BOUNDED, ids=lambda config: config.type)
@pytest.mark.parametrize("cap", [1, 100, 300])
def test_too_little_for_the_turn_itself_is_refused(config: MemoryConfig, cap: int) -> None:
    if config.type == "window" and cap > 150:
        return
    with pytest.raises(ConfigError, match=rf"{config.type!r} cannot work with a largest context of {cap} tokens"):
        fitted(config, cap, WORDS)


def test_sizes_depend_on_the_tokenizer() -> None:
    wide = ByteTokenizer()
    found = fitted(SummaryMemoryConfig(budgets=BUDGETS), 1000, wide)
    assert (bound(found, wide) or 0) in (999, 1000)
    assert found != fitted(SummaryMemoryConfig(budgets=BUDGETS), 1000, WORDS)
