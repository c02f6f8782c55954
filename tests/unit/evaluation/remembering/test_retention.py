from __future__ import annotations

from collections.abc import Sequence

import pytest

from mem1.evaluation.records import Cell
from mem1.evaluation.remembering.retention import retentions
from mem1.evaluation.statistics import Draw
from mem1.types import Composition


def cell(objectives: int, values: Sequence[float | None], *, strategy: str = "state", session: bool = False) -> Cell:
    return Cell(
        strategy=strategy,
        composition=Composition.PARALLEL,
        objectives=objectives,
        session=session,
        tasks=tuple(f"{objectives}-{k}" for k in range(len(values))),
        values={"em_per_objective": tuple(values)},
        metrics={},
        episodes=len(values),
        failed=0,
        unscored=0,
        stops={},
    )


FULL = [1.0, 0.5, 1.0, 1.0, 0.5]  # 0.8 an objective


def test_retention_is_the_score_an_objective_over_that_at_two() -> None:
    cells = [cell(1, [1.0] * 5), cell(2, FULL), cell(8, [0.5, 0.25, 0.5, 0.25, 0.5])]
    found = retentions(cells, Draw())
    assert [(one.objectives, one.base) for one in found] == [(8, 2)]
    ratio = found[0].ratio
    assert ratio is not None
    assert ratio.mean == pytest.approx(0.4 / 0.8)
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low < 0.5 < ratio.high


def test_where_two_were_not_run_the_fewest_are_the_base_and_a_session_counts_too() -> None:
    cells = [cell(32, FULL), cell(4, FULL), cell(200, FULL, session=True), cell(4, FULL, strategy="full")]
    found = retentions(cells, Draw())
    assert [(one.strategy, one.objectives, one.base, one.session) for one in found] == [
        ("state", 32, 4, False),
        ("state", 200, 4, True),
    ]


def test_retention_of_nothing_is_not_known() -> None:
    (found,) = retentions([cell(2, [0.0] * 5), cell(4, FULL)], Draw())
    assert found.ratio is None
    (unscored,) = retentions([cell(2, FULL), cell(4, [None] * 5)], Draw())
    assert unscored.ratio is None


def test_the_unseen_task_of_a_share_lies_between_nothing_and_all() -> None:
    """With every score at its limit the ratio is 1, and only the unseen tasks move it."""
    (found,) = retentions([cell(2, [1.0] * 50), cell(4, [1.0] * 50)], Draw())
    assert found.ratio is not None
    assert found.ratio.mean == 1.0
    assert found.ratio.low is not None
    assert found.ratio.high is not None
    assert 0.9 < found.ratio.low <= 1.0 <= found.ratio.high < 1.1
