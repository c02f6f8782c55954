"""What the expert reaches is what turns, budgets and corpus allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mem1.config import build
from mem1.evaluation.records import Ceiling, CellKey, Failure
from mem1.inference.scripted.expert import Expert
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.recipe import Recipe
from mem1.runtime.build import build as build_runtime
from mem1.runtime.ceiling import ceilings
from mem1.runtime.tasks import held_out
from mem1.types import Composition


def rows(**changes: Any) -> tuple[Ceiling, ...]:
    """The ceiling of three tasks of four parallel objectives, under the recipe's memory if no strategies are named."""
    objectives = changes.pop("objectives", 4)
    changes.setdefault("evaluate", {"strategies": [changes.get("memory", {}).get("type", "state")]})
    env = {"prompt": "brief", "top_k": 2, **changes.pop("env", {})}
    recipe = build(Recipe, {"model": "builtin:tiny", "env": env, **changes}, where="test")
    runtime = build_runtime(recipe)
    key = CellKey(composition=changes.get("tasks", {}).get("composition", Composition.PARALLEL), objectives=objectives)
    tasks = held_out(recipe, runtime.world.sources, "test", key.composition, key.objectives, 3, seed=0)
    return ceilings(runtime, {key: tasks})


def share(row: Ceiling) -> float:
    """The score an objective, which is known."""
    assert row.per_objective is not None
    return row.per_objective


def test_with_room_and_turns_the_expert_answers_nearly_everything() -> None:
    (row,) = rows()
    assert row.n == 3
    assert share(row) >= 10 / 12
    assert 5 <= row.turns <= 9


@pytest.mark.parametrize(
    ("composition", "least", "most"), [("parallel", 0.2, 0.3), ("sequential", 0.8, 1.0), ("chained", 0.0, 0.3)]
)
def test_beside_it_stands_what_needs_nothing_kept(composition: str, least: float, most: float) -> None:
    """Of four answers in a list the last one; where questions come one by one all but what is asked of the former."""
    (row,) = rows(tasks={"composition": composition})
    assert row.floor is not None
    assert least <= row.floor <= most < 1.01
    assert share(row) >= 10 / 12


def test_with_three_turns_it_cannot_look_up_two_hop_questions() -> None:
    (row,) = rows(env={"max_turns": 3})
    assert share(row) == 0.0
    assert row.turns == 3


@pytest.mark.parametrize("memory", ["state", "state_gated", "state_recall", "full", "window", "summary", "notes"])
def test_it_plays_under_each_memory(memory: str) -> None:
    (row,) = rows(memory={"type": memory})
    assert row.memory == memory
    assert share(row) >= 10 / 12


def test_each_strategy_of_an_evaluation_has_its_own() -> None:
    """Not the recipe's memory's: a window that holds nothing loses what a page keeps."""
    strategies = {"strategies": ({"type": "window", "window": 90},), "memory": {"type": "full"}}
    state, window = rows(evaluate={"strategies": ["state", "window"]}, **strategies)
    assert (state.memory, window.memory) == ("state", "window")
    assert share(state) >= 10 / 12
    assert share(window) < share(state)
    assert window.bound is not None
    assert state.bound is not None
    assert window.bound < state.bound


def test_it_has_the_context_that_all_strategies_have_at_an_equal_budget() -> None:
    """And the window is sized to reach it, as the policy's is."""
    budgets = {"state": 100, "action": 150, "observation": 128}
    budget = {"strategies": ["full", "window"], "equal_budget": 700}
    full, window = rows(evaluate=budget, objectives=16, memory={"type": "state", "budgets": budgets})
    assert 0 < full.peak_without_prompt <= 700
    assert share(full) == 0.0, "it ends there, before it may answer"
    assert window.bound == 700


def test_notes_that_the_model_writes_are_written_by_the_expert() -> None:
    """A note holds the list, as its page does: with one note in context and none found by words nothing is lost."""
    alone = {"type": "notes", "top_k": 0, "links": 0}
    (row,) = rows(memory=alone)
    assert share(row) >= 10 / 12
    (small,) = rows(memory=alone | {"note": 12})
    assert share(small) < share(row), "a list that its note cuts off is lost"


def test_a_memory_that_asks_what_the_expert_cannot_answer_has_no_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StateMemoryConfig, "side_tokens", 20)
    (window,) = rows(evaluate={"strategies": ["state", "window"], "tasks": 3})
    assert window.memory == "window"


def test_an_answer_that_its_budget_cuts_off_is_given_again_until_the_turns_are_used_up() -> None:
    tight = {"type": "state", "budgets": {"state": 200, "action": 16, "observation": 128}}
    (row,) = rows(memory=tight)
    assert row.failures == ()
    assert row.n == 3
    assert share(row) == 0.0


def test_what_made_the_expert_fail_is_kept_beside_what_it_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise KeyError("page")

    monkeypatch.setattr(Expert, "__call__", broken)
    (row,) = rows()
    assert row.n == 0
    assert row.per_objective is None
    assert row.failures == (Failure(type="KeyError", message="'page'", count=3),)


def test_a_quote_scores_what_a_list_scores_and_is_shorter() -> None:
    (listed,) = rows(memory={"type": "state_gated"})
    (quoted,) = rows(memory={"type": "state_gated", "quotes": True})
    assert share(quoted) == share(listed)
    assert quoted.turns == listed.turns


def test_the_bound_is_that_of_the_task_where_budgets_grow_with_its_objectives() -> None:
    """Four objectives: 2 * ((60 + 4 * 12) + (40 + 4 * 10)) + 128."""
    budgets = {"state": 60, "action": 40, "observation": 128, "each": {"state": 12, "action": 10}}
    (row,) = rows(memory={"type": "state", "budgets": budgets})
    assert row.bound == 504
    assert share(row) >= 10 / 12
    assert 60 < row.longest_page <= 108


def test_a_page_that_is_too_small_costs_answers() -> None:
    small = {"type": "state", "budgets": {"state": 24, "action": 64, "observation": 128}}
    (row,) = rows(memory=small)
    assert share(row) < 0.7
    assert row.longest_page <= 24


def test_a_shop_has_no_such_ceiling() -> None:
    recipe = build(Recipe, {"env": {"type": "webshop"}, "source": {"type": "webshop"}}, where="test")
    runtime = build_runtime(build(Recipe, {"model": "builtin:tiny"}, where="test"))
    assert ceilings(replace(runtime, recipe=recipe), {}) == ()
