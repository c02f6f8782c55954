"""Budgets that grow with a task's objectives."""

from __future__ import annotations

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.inference.tokenizers.toy import CharTokenizer
from mem1.memory.base import Memory
from mem1.memory.config import for_size
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.memory.strategies.window import WindowMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.recipe import Recipe
from mem1.runtime.evaluate import compared

TOKENIZER = CharTokenizer()
GROWING = Budgets.model_validate({"state": 60, "action": 50, "observation": 100, "each": {"state": 12, "action": 10}})


def sections(memory: Memory) -> list[int]:
    return [section.budget for section in memory.sections()]


def test_a_task_of_three_objectives_by_hand() -> None:
    factory = StateMemoryConfig(budgets=GROWING).build()
    memory = for_size(factory, 3)(TOKENIZER)
    assert sections(memory) == [96, 80]
    assert memory.bound() == 2 * (96 + 80) + 100
    assert for_size(factory, 3) is for_size(factory, 3)
    assert sections(for_size(factory, 1)(TOKENIZER)) == [72, 60]


def test_a_window_grows_with_the_objectives_by_hand() -> None:
    """300 + 3 * 28 tokens of history beside a page of 96 and an action of 80."""
    memory = for_size(WindowMemoryConfig(budgets=GROWING, window=300, each=28).build(), 3)(TOKENIZER)
    assert memory.bound() == 384 + 96 + 80
    still = WindowMemoryConfig(window=300, each=28).build()
    assert [for_size(still, n)(TOKENIZER).bound() for n in (1, 2)] == [328 + 1000, 356 + 1000]


def test_a_summary_grows_with_the_objectives_by_hand() -> None:
    """Two summaries of 200 + 3 * 14 beside an observation of 100, a page of 96, an action of 80, and 18 characters."""
    config = SummaryMemoryConfig(budgets=GROWING, summary=200, each=14, instruction="Sum up.")
    memory = for_size(config.build(), 3)(TOKENIZER)
    assert memory.bound() == 2 * 242 + 100 + 96 + 80 + len("\nSum up.\n<summary>")
    assert config.at(3).side_tokens == 242
    assert config.at(3).at(5) == config.at(3), "it is what it is in that task"


def test_memories_without_a_bound_have_the_same_sections() -> None:
    assert sections(for_size(FullMemoryConfig(budgets=GROWING).build(), 2)(TOKENIZER)) == [84, 70]


def test_budgets_that_do_not_grow_leave_the_factory_as_it_is() -> None:
    factory = StateMemoryConfig(budgets=Budgets(state=60)).build()
    assert for_size(factory, 7) is factory


def test_a_factory_of_somebody_elses_is_used_for_every_size() -> None:
    def factory(tokenizer: object, space: object = None) -> Memory:
        raise AssertionError

    assert for_size(factory, 4) is factory


def test_one_bound_for_all_and_budgets_that_grow_are_refused_together() -> None:
    evaluate = {"equal_budget": "state", "strategies": ["state", "window"]}
    growing = {"memory": {"type": "state", "budgets": {"each": {"state": 12}}}}
    for more in (growing, {"strategies": [{"type": "window", "each": 28}]}):
        recipe = build(Recipe, {**more, "evaluate": evaluate}, where="test")
        with pytest.raises(ConfigError, match="one bound for all tasks"):
            compared(recipe, TOKENIZER, recipe.evaluate)
