"""Composition: what is drawn, in which order, and that it is always the same."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.errors import ConfigError, DataError
from mem1.tasks.compose import check_disjoint, compose, make_task, repetition
from mem1.types import Composition, Objective, Task
from tests.unit.tasks.toys import Ring, Toy, objective

PARALLEL, SEQUENTIAL, CHAINED, MIXED = (
    Composition.PARALLEL,
    Composition.SEQUENTIAL,
    Composition.CHAINED,
    Composition.MIXED,
)


def build(sources: Any, **options: Any) -> list[Task]:
    settings: dict[str, Any] = {"composition": PARALLEL, "objectives": 2, "count": 3, "seed": 0, "split": "train"}
    return compose(sources, **(settings | options))


def ids(task: Task) -> list[str]:
    return [o.id for o in task.objectives]


def fingerprint(tasks: list[Task]) -> str:
    return hashlib.sha256("\n".join(task.model_dump_json() for task in tasks).encode()).hexdigest()[:16]


GOLDEN = {
    PARALLEL: "9010a450b66df101",
    SEQUENTIAL: "8c6c09c9fa13b72d",
    CHAINED: "7e189c2d7f2e4bdb",
    MIXED: "14b7a2901fe8ce22",
    Composition.DELAYED: "90a4a39eeed21d56",
}


def golden(composition: Composition) -> str:
    sources = [Toy(5, "a"), Toy(7, "b")] if composition is MIXED else [Ring(9, "ring")]
    return fingerprint(build(sources, composition=composition, objectives=4, count=20, seed=11))


@pytest.mark.parametrize("composition", list(Composition))
def test_the_tasks_are_these_on_every_machine(composition: Composition) -> None:
    assert golden(composition) == GOLDEN[composition]


def test_the_hash_seed_of_the_process_does_not_matter() -> None:
    code = "from tests.unit.tasks.test_compose import *; print([golden(c) for c in Composition])"
    root = Path(__file__).resolve().parents[3]
    command = [sys.executable, "-c", code]
    printed = {
        subprocess.check_output(command, cwd=root, env={**os.environ, "PYTHONHASHSEED": seed}) for seed in ("1", "2")
    }
    assert len(printed) == 1


def test_seed_and_split_change_the_draw() -> None:
    drawn = [build([Toy(30)], seed=seed, split=split) for seed in (0, 1) for split in ("train", "test")]
    orders = {tuple(o.answers[0] for task in tasks for o in task.objectives) for tasks in drawn}
    assert len(orders) == 4


def test_the_order_of_the_input_does_not_matter_when_shuffled() -> None:
    objectives = list(Toy(20).objectives("train"))
    assert build(objectives) == build(objectives[::-1]) == build([Toy(20)])


def test_an_id_is_made_from_the_content() -> None:
    one, two = objective(1), objective(2)
    base = make_task([one, two], PARALLEL, "train")
    others = [
        make_task([two, one], PARALLEL, "train"),
        make_task([one, two], SEQUENTIAL, "train"),
        make_task([one, two], PARALLEL, "test"),
        make_task([one, two], PARALLEL, "train", "one_by_one"),
        make_task([one, two.model_copy(update={"answers": ("x",)})], PARALLEL, "train"),
    ]
    assert make_task([one, two], PARALLEL, "train").id == base.id
    assert base.id not in {task.id for task in others}
    assert len({task.id for task in others}) == 5


@pytest.mark.parametrize(
    ("composition", "reveal"),
    [(PARALLEL, "upfront"), (SEQUENTIAL, "one_by_one"), (CHAINED, "one_by_one"), (MIXED, "upfront")],
)
def test_what_is_revealed(composition: Composition, reveal: str) -> None:
    sources = [Ring(9, "a"), Ring(9, "b")]
    assert {t.reveal for t in build(sources, composition=composition)} == {reveal}
    assert {t.reveal for t in build(sources, composition=composition, reveal="upfront")} == {"upfront"}


@settings(max_examples=80, deadline=None)
@given(
    pool=st.integers(2, 12),
    size=st.integers(1, 40),
    count=st.integers(1, 12),
    seed=st.integers(0, 99),
    composition=st.sampled_from([PARALLEL, SEQUENTIAL]),
)
def test_deals_fairly(pool: int, size: int, count: int, seed: int, composition: Composition) -> None:
    tasks = build([Toy(pool)], composition=composition, objectives=size, count=count, seed=seed)
    assert len(tasks) == count
    for task in tasks:
        drawn = ids(task)
        assert len(drawn) == size
        for start in range(0, size, pool):  # repeats only after all had their turn
            block = drawn[start : start + pool]
            assert len(set(block)) == len(block)
        assert all(left != right for left, right in pairwise(drawn))
    uses = [sum(ids(task).count(o.id) for task in tasks) for o in Toy(pool).objectives("train")]
    assert max(uses) - min(uses) <= 2


def test_no_objective_comes_again_before_all_came_once() -> None:
    tasks = build([Toy(12)], objectives=3, count=4)
    assert len({i for task in tasks for i in ids(task)}) == 12


def test_a_session_of_200() -> None:
    (task,) = build([Toy(30)], composition=SEQUENTIAL, objectives=200, count=1)
    assert task.size == 200
    assert len(set(ids(task))) == 30
    assert len(set(ids(task)[:30])) == 30


def test_sources_take_turns_unless_mixed() -> None:
    tasks = build([Toy(9, "a"), Toy(9, "b")], objectives=3, count=4)
    assert [{o.source for o in task.objectives} for task in tasks] == [{"a"}, {"b"}, {"a"}, {"b"}]


@settings(max_examples=40, deadline=None)
@given(pools=st.lists(st.integers(1, 6), min_size=2, max_size=4), size=st.integers(2, 25), seed=st.integers(0, 99))
def test_mixed_tasks_hold_every_source_evenly(pools: list[int], size: int, seed: int) -> None:
    sources = [Toy(pool, f"s{i}") for i, pool in enumerate(pools)]
    for task in build(sources, composition=MIXED, objectives=size, seed=seed):
        uses = [sum(o.source == source.name for o in task.objectives) for source in sources]
        assert sum(uses) == size
        assert max(uses) - min(uses) <= 1
        assert all(left.source != right.source for left, right in pairwise(task.objectives))
        for source in sources:
            mine = [o.id for o in task.objectives if o.source == source.name][: source.size]
            assert len(set(mine)) == len(mine)


def test_the_published_recipe() -> None:
    rows = [
        Objective(id=f"nq/{i}", question=f"who is {i}" + "?" * (i % 2), answers=("x",), source="nq") for i in range(5)
    ]
    more = [Objective(id=f"pop/{i}", question="where?", answers=("y",), source="pop") for i in range(3)]
    tasks = build([*rows, *more], objectives=2, count=None, order="consecutive")
    assert [ids(task) for task in tasks] == [["nq/0", "nq/1"], ["nq/2", "nq/3"], ["pop/0", "pop/1"]]
    assert [o.question for o in tasks[0].objectives] == ["who is 0?", "who is 1?"]
    assert build([*rows, *more], objectives=2, count=2, order="consecutive", seed=5) == tasks[:2]


@pytest.mark.parametrize(
    ("sources", "options", "error", "message"),
    [
        ([], {}, DataError, "no objective in split"),
        ([Toy(0)], {}, DataError, "toy: no objective in split 'train'"),
        ([Toy(1)], {}, DataError, "cannot fill a task of 2"),
        ([objective(1), objective(1)], {}, DataError, "appears twice"),
        ([Toy(5)], {"order": "consecutive"}, DataError, "has 2 consecutive groups of 2 objectives, not 3"),
        ([Toy(1)], {"order": "consecutive", "count": None, "objectives": 2}, DataError, "cannot fill"),
        ([Toy(3)], {"order": "consecutive", "count": None, "objectives": 4}, DataError, "not one"),
        ([Toy(5)], {"composition": MIXED}, ConfigError, "two sources or more, got toy"),
        ([Toy(5)], {"composition": CHAINED}, ConfigError, "can be linked"),
        ([objective(1)], {"composition": CHAINED}, ConfigError, "can be linked"),
        ([], {"composition": CHAINED}, ConfigError, "can be linked"),
        ([Toy(5)], {"count": None}, ConfigError, "never run out"),
        ([Toy(5)], {"count": 0}, ConfigError, "at least one task"),
        ([Toy(5)], {"objectives": 0}, ConfigError, "at least one objective"),
        ([Toy(5)], {"composition": MIXED, "order": "consecutive"}, ConfigError, "no consecutive order"),
    ],
)
def test_what_cannot_be_composed(sources: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        build(sources, **options)


def test_one_objective_alone_is_enough_for_tasks_of_one() -> None:
    assert [ids(task) for task in build([Toy(1)], objectives=1)] == [["toy/train/0"]] * 3


def test_disjoint_splits_pass() -> None:
    tasks = {split: build([Toy(9)], split=split) for split in ("train", "dev", "test")}
    check_disjoint(tasks)
    check_disjoint({"train": [objective(1), objective(1)], "test": [objective(2)]})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"id": "toy/train/1"}, "objective 'toy/train/1'"),
        ({"question": "TOY TRAIN 1?"}, "question 'toy train 1\\?'"),
        ({"standalone": "toy train 1?"}, "question 'toy train 1\\?'"),
        ({"metadata": {"entity": "Peru"}}, "entity 'Peru'"),
    ],
)
def test_a_leak_is_named(changes: dict[str, Any], what: str) -> None:
    train = objective(1).model_copy(update={"metadata": {"entity": "Peru"}})
    test = objective(2).model_copy(update={"id": "other", **changes})
    with pytest.raises(DataError, match=f"'train' and 'test' share the {what}"):
        check_disjoint({"train": [train], "test": [make_task([test], PARALLEL, "test")]})


# ---------------------------------------------------------------- tasks that repeat


def test_a_task_that_repeats_an_earlier_one_has_an_id_of_its_own() -> None:
    three = [objective(n) for n in range(3)]
    tasks = build(three, composition=PARALLEL, objectives=1, count=8)
    plain = build(three, composition=PARALLEL, objectives=1, count=3)
    assert tasks[:3] == plain  # what does not repeat keeps its id: stored runs resume
    assert len({task.id for task in tasks}) == 8
    assert {task.content for task in tasks} == {task.id for task in plain}
    assert sorted(task.id.removeprefix(task.content) for task in tasks) == ["", "", "", "~2", "~2", "~2", "~3", "~3"]
    assert build(three, composition=PARALLEL, objectives=1, count=5) == tasks[:5]
    assert repetition(tasks) == "5 of 8 tasks repeat an earlier one"
    assert repetition(plain) is None


@pytest.mark.parametrize("composition", [PARALLEL, SEQUENTIAL, MIXED, CHAINED])
def test_however_tasks_are_composed_their_ids_are_their_own(composition: Composition) -> None:
    sources = [Ring(2, "a"), Ring(2, "b")]
    tasks = build(sources, composition=composition, objectives=2, count=60)
    assert len({task.id for task in tasks}) == 60
    assert {task.content for task in tasks} == {
        make_task(task.objectives, task.composition, task.split, task.reveal).id for task in tasks
    }
