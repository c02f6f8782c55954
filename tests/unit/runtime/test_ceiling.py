"""What the expert reaches is what turns, budgets and corpus allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mem1.config import build
from mem1.evaluation.records import Ceiling, CellKey
from mem1.recipe import Recipe
from mem1.runtime.build import build as build_runtime
from mem1.runtime.ceiling import ceilings
from mem1.runtime.tasks import held_out
from mem1.types import Composition


def rows(**changes: Any) -> tuple[Ceiling, ...]:
    """The ceiling of three tasks of four parallel objectives."""
    env = {"prompt": "brief", "top_k": 2, **changes.pop("env", {})}
    recipe = build(Recipe, {"model": "builtin:tiny", "env": env, **changes}, where="test")
    runtime = build_runtime(recipe)
    key = CellKey(composition=Composition.PARALLEL, objectives=4)
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


def test_with_three_turns_it_cannot_look_up_two_hop_questions() -> None:
    (row,) = rows(env={"max_turns": 3})
    assert share(row) == 0.0
    assert row.turns == 3


@pytest.mark.parametrize("memory", ["state", "state_gated", "full", "window", "summary"])
def test_it_plays_under_the_memory_of_the_recipe(memory: str) -> None:
    (row,) = rows(memory={"type": memory})
    assert row.memory == memory
    assert share(row) >= 10 / 12


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
