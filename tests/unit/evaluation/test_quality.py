"""Scores, worked out by hand."""

from __future__ import annotations

from mem1.evaluation.measures import Measure
from mem1.evaluation.quality import quality
from mem1.types import StopReason
from tests.unit.evaluation.examples import episode, task


def test_sums_and_means_over_objectives() -> None:
    found = quality(episode((), of=task(4), em=(1, 0, 1, 0), f1=(1, 0.5, 1, 0), answered=(True, True, True, False)))
    assert found[Measure.EM] == 2
    assert found[Measure.F1] == 2.5
    assert found[Measure.EM_PER_OBJECTIVE] == 0.5
    assert found[Measure.F1_PER_OBJECTIVE] == 0.625
    assert found[Measure.ANSWER_RATE] == 0.75
    assert found[Measure.COVERAGE] == 1
    assert found[Measure.REWARD] == 2


def test_unscored_objectives_are_left_out_and_counted() -> None:
    found = quality(episode((), of=task(3), em=(1, None, 0), f1=(1, None, 0.5), answered=(True, True, True)))
    assert found[Measure.EM] == 1
    assert found[Measure.EM_PER_OBJECTIVE] == 0.5
    assert found[Measure.F1_PER_OBJECTIVE] == 0.75
    assert found[Measure.COVERAGE] == 2 / 3


def test_nothing_scored_is_none_not_zero() -> None:
    found = quality(episode((), em=(None, None), f1=(None, None)))
    assert found[Measure.EM] is None
    assert found[Measure.F1_PER_OBJECTIVE] is None
    assert found[Measure.COVERAGE] == 0


def test_failed_episode_has_no_quality() -> None:
    assert set(quality(episode((), stop=StopReason.ERROR)).values()) == {None}


def test_every_scored_episode_has_the_measures_of_its_metrics_and_a_failed_one_none_of_them() -> None:
    scores = ["em", "em_per_objective", "f1", "f1_per_objective"]
    failed = quality(episode((), stop=StopReason.ERROR))
    assert [name for name in quality(episode(())) if name not in failed] == scores
    assert set(failed.values()) == {None}
