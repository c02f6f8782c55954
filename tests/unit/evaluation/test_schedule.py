"""Who runs when, and which tasks are the same."""

from __future__ import annotations

from collections import Counter

from mem1.evaluation.records import CellKey
from mem1.evaluation.schedule import alike, names, schedule
from mem1.types import Composition
from tests.unit.evaluation.examples import task

SHORT, LONG = CellKey(Composition.PARALLEL, 1), CellKey(Composition.PARALLEL, 4)
STRATEGIES = ("full", "window", "state")


def test_strategies_of_a_task_stand_side_by_side_and_long_tasks_come_first() -> None:
    tasks = {SHORT: [task(1, f"s{k}") for k in range(4)], LONG: [task(4, f"l{k}") for k in range(2)]}
    places = list(schedule(tasks, STRATEGIES, seed=0))
    assert [place.name for place in places[::3]] == ["l0", "l1", "s0", "s1", "s2", "s3"]
    for k in range(0, len(places), 3):
        assert {place.strategy for place in places[k : k + 3]} == set(STRATEGIES)
        assert len({(place.key, place.name) for place in places[k : k + 3]}) == 1


def test_each_strategy_is_first_second_and_last_equally_often() -> None:
    places = list(schedule({SHORT: [task(1, f"s{k}") for k in range(12)]}, STRATEGIES, seed=5))
    for position in range(3):
        assert Counter(place.strategy for place in places[position::3]) == dict.fromkeys(STRATEGIES, 4)


def test_the_order_follows_from_the_seed() -> None:
    tasks = {SHORT: [task(1, f"s{k}") for k in range(12)]}
    orders = {tuple(place.strategy for place in schedule(tasks, STRATEGIES, seed=seed)) for seed in (1, 1, 2, 3)}
    assert len(orders) == 3


def test_repeated_ids_get_names_of_their_own() -> None:
    assert names([task(1, "a"), task(1, "b"), task(1, "a"), task(1, "a")]) == ("a", "b", "a~2", "a~3")


def test_tasks_that_ask_the_same_are_alike_whatever_their_ids_and_order() -> None:
    first, other = task(2, "a"), task(2, "b")
    again = first.model_copy(update={"id": "a#2", "objectives": first.objectives[::-1]})
    assert alike([first, other, again]) == (0, 1, 0)
    assert alike([first, other]) == ()
