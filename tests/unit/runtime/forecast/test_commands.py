"""What each command would take. The endpoint of these recipes does not exist: nobody is asked."""

from __future__ import annotations

from typing import Any

import pytest

from mem1.config import build
from mem1.event_loop import command_loop
from mem1.inference.folders import local_tokenizer
from mem1.recipe import Recipe
from mem1.runtime.forecast.commands import FORECASTS, prices_of, told
from mem1.runtime.forecast.rehearsal import Rehearsal
from mem1.runtime.models import tokenizer_of
from mem1.runtime.tasks import evaluation_tasks


def recipe(**changes: Any) -> Recipe:
    data: dict[str, Any] = {
        "engine": {"type": "openai", "base_url": "http://127.0.0.1:9/v1"},
        "env": {"prompt": "brief", "turns_per_objective": 4},
        "tasks": {"composition": "sequential", "objectives": 2, "count": 6},
        "evaluate": {
            "strategies": ["state", "full"], "baseline": "full", "compositions": ["sequential"],
            "horizons": [2], "tasks": 3, "session_objectives": 0,
        },
        "train": {"steps": 5, "tasks_per_step": 2, "group_size": 4, "evaluate_every": 2},
        "watch_tasks": 3,
    }  # fmt: skip
    return build(Recipe, data | changes, where="test")


def parts(command: str, made: Recipe) -> dict[str, Any]:
    with command_loop():
        return {part.name: part for part in FORECASTS[command](Rehearsal(made))}


def test_an_evaluation_has_a_part_for_each_strategy_on_all_tasks() -> None:
    found = parts("evaluate", recipe())
    assert {name: part.episodes for name, part in found.items()} == {"state": 3, "full": 3}
    state = found["state"]
    # 4 turns for each of 2 questions at most; the expert searches once or twice and answers, for each of them.
    assert state.most.calls == 3 * 8
    assert 3 * 4 <= state.usual.calls < 3 * 6
    assert state.usual.read < state.most.read
    assert state.usual.written < state.most.written


def test_the_steps_of_training_are_counted_in_groups_and_watched_before_between_and_after() -> None:
    found = parts("train", recipe())
    training, watched = found["training: 5 steps"], found["watched dev tasks"]
    assert (training.episodes, training.usual.calls, training.most.calls) == (40, 40 * 4, 40 * 8)
    assert watched.episodes == 4 * 3  # after 0, 2, 4 and 5 steps


@pytest.mark.parametrize(("steps", "every", "times"), [(4, 2, 3), (5, 2, 4), (1, 10, 2), (4, 0, None)])
def test_watched_episodes_are_those_the_loop_plays(steps: int, every: int, times: int | None) -> None:
    made = recipe(train={"steps": steps, "evaluate_every": every})
    watched = parts("train", made).get("watched dev tasks")
    assert (watched.episodes if watched else None) == (times * 3 if times else None)


def test_refilled_groups_come_on_top() -> None:
    plain, refilled = (parts("train", recipe(train={"steps": 5, "refill": n}))["training: 5 steps"] for n in (0, 2))
    assert refilled.most.calls == 3 * plain.most.calls
    assert refilled.usual == plain.usual


def test_a_teacher_plays_each_task_as_often_as_the_recipe_says_and_an_expert_asks_nobody() -> None:
    assert parts("distill", recipe(distill={"samples": 3}))["teacher"].episodes == 18
    assert parts("distill", recipe(distill={"teacher": "expert"})) == {}


def test_a_demonstration_is_an_evaluation_training_and_another_evaluation() -> None:
    assert list(parts("demo", recipe())) == [
        "before: state", "training: 5 steps", "watched dev tasks", "after: state", "after: full",
    ]  # fmt: skip


def test_what_the_expert_cannot_do_has_no_usual_amount() -> None:
    remote = {"type": "remote", "url": "http://127.0.0.1:9/retrieve"}
    found = parts("evaluate", recipe(retriever=remote))
    assert all(part.usual is None and part.most.calls == 24 for part in found.values())


def test_the_sample_is_scaled_to_all_tasks() -> None:
    made = recipe()
    with command_loop():
        rehearsal = Rehearsal(made)
        (tasks,) = evaluation_tasks(made, rehearsal.world.sources, made.evaluate).values()
        once, twice = (rehearsal.usual(some, made.memory, cap=None) for some in (tasks[:1], tasks[:1] * 2))
    assert once is not None
    assert twice == once.times(2)


def test_each_of_two_tasks_is_played() -> None:
    made = recipe()
    with command_loop():
        rehearsal = Rehearsal(made)
        (tasks,) = evaluation_tasks(made, rehearsal.world.sources, made.evaluate).values()
        first, last, both = (
            rehearsal.usual(some, made.memory, cap=None) for some in ([tasks[0]], [tasks[-1]], [tasks[0], tasks[-1]])
        )
    assert first is not None
    assert last is not None
    assert first != last
    assert both == first + last


def test_a_service_that_trains_is_paid_by_its_own_prices() -> None:
    service = {"type": "tinker", "base_url": "http://127.0.0.1:1", "tokenizer": "builtin:tiny", "max_context": 2048}
    paid = recipe(model="base", engine={}, backend=service | {"prices": {"input": 1.0, "output": 2.0, "train": 3.0}})
    prices = prices_of(paid)
    assert prices is not None
    assert (prices.input, prices.output) == (1.0, 2.0)
    assert tokenizer_of(paid, lambda: ()).encode("the capital") == local_tokenizer("builtin:tiny").encode("the capital")


def test_money_is_told_where_prices_are_known_and_asked_for_where_they_are_not() -> None:
    with command_loop():
        unknown = told("evaluate", recipe())
        evaluate = recipe().evaluate.model_dump() | {"prices": {"input": 1.0, "output": 2.0}}
        known = told("evaluate", recipe(evaluate=evaluate))
    assert any("give what a million tokens cost" in note for note in unknown["notes"])
    whole = known["parts"][-1]
    assert whole["part"] == "all"
    assert whole["cost"] == pytest.approx(sum(row["cost"] for row in known["parts"][:-1]))
    assert 0 < whole["cost"] < whole["cost at most"]
