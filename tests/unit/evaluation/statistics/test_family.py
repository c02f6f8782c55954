"""Many results looked at together."""

from __future__ import annotations

import random

import pytest

from mem1.evaluation.cells import Bootstrap, compare_strategies, make_cell
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, CellKey, Metric
from mem1.evaluation.statistics import told_apart
from mem1.evaluation.statistics.student import student_p
from mem1.evaluation.verdict import verdicts
from mem1.types import Composition, Episode
from tests.unit.evaluation.examples import episode, task, turn

KEY = CellKey(Composition.PARALLEL, 2)
SOME = Bootstrap(resamples=400)
STRATEGIES = ("full", "window", "state", "notes")


def result(p: float | None, n: int = 10, low: float = 0.5) -> tuple[Metric, float]:
    return Metric(mean=1.0, low=low, high=2.0, n=n, p=p), 0.0


def test_holms_procedure_by_hand() -> None:
    # In order .004 <= .05 / 4, .013 <= .05 / 3, .03 > .05 / 2: it ends there, though .04 <= .05 / 1.
    found = told_apart([result(0.03), result(0.004), result(0.04), result(0.013)], 0.95)
    assert found == [False, True, False, True]


def test_the_interval_and_the_number_of_tasks_must_agree() -> None:
    assert told_apart([result(1e-9, low=-0.1), result(1e-9, n=5), (None, 0.0), result(1e-9)], 0.95) == [
        False, False, False, True,
    ]  # fmt: skip


def test_without_p_values_each_interval_speaks_for_itself() -> None:
    assert told_apart([result(None), result(None, low=-1.0)], 0.95) == [True, False]


def test_students_p_is_that_of_the_tables() -> None:
    # Mean 1, standard error 1 / 2.776: the 97.5 % quantile with 4 degrees of freedom.
    spread = (5**0.5 / 2.7764) * (2 / 2.5**0.5) / 2
    values = [1 + spread * step for step in (-2, -1, 0, 1, 2)]
    assert student_p(values) == pytest.approx(0.05, abs=1e-3)
    assert student_p([1.0]) is None
    assert student_p([0.0] * 8) == 1.0
    assert student_p([0.1 + 0.2] * 8) == 0.0


def played(random_: random.Random, k: int) -> Episode:
    """An episode whose scores, length and time are drawn anew: what any of several identical strategies gives."""
    turns = tuple(
        turn(index, (1, 2, *[3] * (40 * index)), (9,) * random_.randint(5, 60))
        for index in range(1 + random_.getrandbits(2) + random_.getrandbits(2) * (random_.random() < 0.3))
    )
    em = tuple(float(random_.random() < 0.4) for _ in range(2))
    answered = tuple(random_.random() < 0.9 for _ in range(2))
    return episode(turns, of=task(id=f"t{k}"), em=em, f1=em, answered=answered, seconds=random_.lognormvariate(0, 0.6))


def test_identical_strategies_are_told_apart_in_at_most_seven_of_a_hundred_evaluations() -> None:
    starred, alone, single, seeds = 0, 0, 0, 200
    for seed in range(seeds):
        random_ = random.Random(seed)
        tasks = random_.choice([6, 8, 12])
        cells: list[Cell] = [
            make_cell(name, KEY, [played(random_, k) for k in range(tasks)], SOME) for name in STRATEGIES
        ]
        found = verdicts(cells, "full", SOME)
        starred += any(one.told_apart for one in found)
        shown = [result for one in found for result in one.results.values() if result[0] is not None]
        alone += sum(metric.excludes(value) for metric, value in shown if metric is not None)
        single += len(shown)
    assert starred / seeds <= 0.07, "an evaluation with any star at all"
    assert alone / single <= 0.07, "one comparison"


def test_a_real_difference_is_told_apart() -> None:
    random_ = random.Random(1)
    full = [played(random_, k) for k in range(30)]
    half = [
        one.model_copy(update={"seconds": one.seconds / 2, "turns": one.turns[:1], "id": f"s{k}"})
        for k, one in enumerate(full)
    ]
    cells = [make_cell("full", KEY, full, SOME), make_cell("state", KEY, half, SOME)]
    (found,) = verdicts(cells, "full", SOME)
    assert {"seconds", "tokens"} <= set(found.told_apart)
    assert not {"em", "f1"} & set(found.told_apart)
    peak = [one for one in compare_strategies(cells, SOME) if one.measure == Measure.PEAK]
    assert peak[0].difference.excludes(0)
