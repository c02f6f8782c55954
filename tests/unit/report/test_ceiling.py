"""What the scripted expert reached stands beside what the policy did, strategy by strategy."""

from __future__ import annotations

import pytest

from mem1.evaluation.findings import findings
from mem1.evaluation.records import Ceiling, Cell, Evaluation, Failure
from mem1.report.ceiling import ceiling_table
from mem1.report.data import read_run
from mem1.report.document import make_document
from mem1.storage.run_dir import RunDir
from tests.unit.report.synthetic import make_run

TITLE = "What the tasks allow: the scripted expert"


def reached(cell: Cell, **changes: object) -> Ceiling:
    """What the expert did on the tasks of ``cell``: 0.9 an objective in 6.5 turns."""
    known: dict[str, object] = {
        "composition": cell.composition,
        "objectives": cell.objectives,
        "session": cell.session,
        "memory": cell.strategy,
        "n": 8,
        "per_objective": 0.9,
        "floor": 0.225,
        "turns": 6.5,
        "longest_page": 31,
        "longest_action": 17,
        "peak_without_prompt": 254.4,
        "page_per_objective": 12.0,
        "bound": 504,
    }
    return Ceiling.model_validate(known | changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return make_run(tmp_path_factory.mktemp("runs"), trained=False)


def evaluated(run: RunDir, **changes: object) -> Evaluation:
    """Its evaluation, with what the expert reached in the first cell."""
    found = run.read_evaluation("warm_start", Evaluation)
    return found.model_copy(update={"ceiling": (reached(found.cells[0], **changes),)})


def test_the_report_shows_what_the_expert_reached_beside_the_policy(run: RunDir) -> None:
    evaluation = evaluated(run)
    run.write_evaluation(evaluation.label, evaluation)
    first = evaluation.cells[0]
    own = first.metrics["em_per_objective"].mean
    tables = [table for section in make_document(read_run(run.path)).sections for table in section.tables]
    (table,) = [one for one in tables if one.title == TITLE]
    (row,) = table.records([column.head for column in table.columns])
    assert row.pop("Tasks")
    assert row == {
        "Strategy": first.strategy,
        "Policy": f"{own:.3f}",
        "Expert": "0.900",
        "Floor": "0.225",
        "Share": f"{own / 0.9:.2f}",
        "Turns": "6.5",
        "Longest page": "31",
        "Longest action": "17",
        "Peak": "254",
        "Bound": "504",
        "n": "8",
    }


def test_an_evaluation_that_the_expert_did_not_play_has_no_such_table(run: RunDir) -> None:
    assert ceiling_table(evaluated(run, memory="another")) is None
    assert ceiling_table(evaluated(run).model_copy(update={"ceiling": ()})) is None


def test_an_expert_that_failed_is_no_expert_that_reached_nothing(run: RunDir) -> None:
    failed = (Failure(type="KeyError", message="'page'", count=8),)
    evaluation = evaluated(run, n=0, per_objective=None, failures=failed)
    table = ceiling_table(evaluation)
    assert table is not None
    (row,) = table.records(["Expert", "Share", "Turns", "Peak", "n"])
    assert row == {"Expert": "–", "Share": "–", "Turns": "–", "Peak": "–", "n": "0"}
    (told,) = [text for text in findings(evaluation) if "scripted expert failed" in text]
    assert "8 of 8" in told
    assert "KeyError: 'page'" in told


def test_a_reader_is_told_where_nothing_has_to_be_remembered(run: RunDir) -> None:
    needless = evaluated(run, objectives=4, floor=0.85)
    (told,) = [text for text in findings(needless) if "little has to be remembered" in text]
    assert "0.85 of 0.90" in told
    for other in ({"objectives": 4}, {"objectives": 1, "floor": 0.9}, {"objectives": 4, "floor": None}):
        assert not [text for text in findings(evaluated(run, **other)) if "little has to be" in text]
