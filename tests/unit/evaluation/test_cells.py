"""From episodes to cells and comparisons."""

from __future__ import annotations

import pytest

from mem1.evaluation.cells import Bootstrap, compare_strategies, make_cell, measure, trace
from mem1.evaluation.measures import SPECS, Measure
from mem1.evaluation.records import Cell, CellKey
from mem1.types import Composition, Episode, SideCall, StopReason
from tests.unit.evaluation.examples import episode, task, turn

KEY = CellKey(Composition.PARALLEL, 2)


def _one(id: str, em: tuple[float, float], *, length: int = 2, stop: StopReason = StopReason.ANSWERED) -> Episode:
    return episode((turn(0, (1, 2), (9,) * length),), of=task(id=id), em=em, stop=stop, id=f"{id}-{length}-{em}")


def test_every_measure_has_a_spec_and_is_measured() -> None:
    assert set(SPECS) == set(Measure) == set(measure(episode(())))


def test_episodes_of_one_task_are_averaged_first() -> None:
    # Task a was run three times (EM 2, 0, 1), task b once (EM 2): the mean is over tasks, (1 + 2) / 2.
    episodes = [_one("a", (1, 1)), _one("a", (0, 0)), _one("a", (1, 0)), _one("b", (1, 1))]
    cell = make_cell("state", KEY, episodes, Bootstrap())
    assert cell.tasks == ("a", "b")
    assert cell.values[Measure.EM] == (1.0, 2.0)
    assert cell.metrics[Measure.EM].mean == 1.5
    assert cell.metrics[Measure.EM].n == 2
    assert cell.episodes == 4


def test_failed_episodes_are_counted_and_in_no_score_and_no_cost() -> None:
    cell = make_cell(
        "state", KEY, [_one("a", (1, 1), length=2), _one("b", (0, 0), length=6, stop=StopReason.ERROR)], Bootstrap()
    )
    assert (cell.episodes, cell.failed, cell.unscored) == (2, 1, 0)
    assert cell.errors == {"BackendError": 1}
    assert cell.stops == {StopReason.ANSWERED: 1, StopReason.ERROR: 1}
    assert cell.values[Measure.EM] == (2.0, None)
    assert cell.metrics[Measure.EM].n == 1
    for cost in (Measure.PEAK_WITHOUT_PROMPT, Measure.SECONDS, Measure.TOKENS, Measure.TURNS):
        assert cell.values[cost][1] is None
        assert cell.metrics[cost].n == 1
    assert cell.metrics[Measure.PEAK_WITHOUT_PROMPT].mean == 2.0


def test_unscored_episodes_are_counted() -> None:
    cell = make_cell("state", KEY, [episode((), scored=False)], Bootstrap())
    assert cell.unscored == 1
    assert Measure.EM not in cell.metrics


def test_trace_is_over_the_episodes_that_reached_the_turn() -> None:
    long = episode((turn(0, (1, 2), (3, 4), state_length=2), turn(1, (1, 2, 3), (4, 5, 6), state_length=1)))
    short = episode((turn(0, (1, 2), (3, 4, 5, 6)),))
    points = trace([long, short])
    assert [(p.turn, p.n, p.peak_without_prompt, p.largest_without_prompt, p.state_length) for p in points] == [
        (0, 2, 3.0, 4, 1.5),
        (1, 1, 4.0, 4, 1.0),
    ]


def test_the_trace_shows_the_largest_call_made_for_a_turn() -> None:
    turns = (turn(0, (1, 2), (3, 4)), turn(1, (1, 2, 3), (4,)))
    side = SideCall(turn=1, purpose="s", prompt_token_ids=(1, 2, 3, 4), prefix_length=2, completion_token_ids=(5,) * 7)
    points = trace([episode(turns).model_copy(update={"side_calls": (side,)})])
    assert [(p.turn, p.peak_without_prompt) for p in points] == [(0, 2.0), (1, 9.0)]


def test_strategies_are_compared_in_pairs_on_the_same_tasks() -> None:
    full = make_cell("full", KEY, [_one("a", (1, 1), length=9), _one("b", (1, 0), length=9)], Bootstrap())
    state = make_cell("state", KEY, [_one("a", (1, 0), length=4), _one("b", (0, 0), length=4)], Bootstrap())
    found = {(c.left, c.right, c.measure): c.difference for c in compare_strategies([full, state], Bootstrap())}
    assert found["full", "state", Measure.EM].mean == -1.0
    assert found["full", "state", Measure.PEAK].mean == -5.0
    assert found["full", "state", Measure.PEAK].n == 2


def test_a_cell_goes_through_json_unchanged() -> None:
    cell = make_cell("state", KEY, [_one("a", (1, 1)), _one("b", (0, 0), stop=StopReason.ERROR)], Bootstrap())
    assert Cell.model_validate_json(cell.model_dump_json()) == cell


def test_values_must_match_tasks() -> None:
    with pytest.raises(ValueError, match="2 values for 1 tasks"):
        Cell(
            strategy="state",
            composition=Composition.PARALLEL,
            objectives=2,
            tasks=("a",),
            values={Measure.EM: (1.0, 2.0)},
            metrics={},
            episodes=1,
            failed=0,
            unscored=0,
            stops={},
        )
