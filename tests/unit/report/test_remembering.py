from __future__ import annotations

from pathlib import Path

from mem1.evaluation.records import Ceiling, Evaluation, Metric, Retention
from mem1.evaluation.remembering.survival import Fate
from mem1.report.data import read_run
from mem1.report.document import make_document
from mem1.report.remembering import REMEMBERED, remembering_table
from tests.unit.report.synthetic import make_run

RATIO = Metric(mean=0.75, low=0.5, high=0.9, n=12)


def told(evaluation: Evaluation) -> Evaluation:
    """Ten answers of the first cell, and what is known beside it."""
    first, *others = evaluation.cells
    page = Metric(mean=30.0, low=None, high=None, n=12)
    known = first.model_copy(
        update={
            "fates": {Fate.ANSWERED: 7, Fate.DROPPED: 2, Fate.NOT_FOUND: 1},
            "metrics": {**first.metrics, "page_per_objective": page},
        }
    )
    retention = Retention(
        strategy=known.strategy,
        composition=known.composition,
        objectives=known.objectives,
        session=False,
        base=2,
        measure="em_per_objective",
        ratio=RATIO,
    )
    ceiling = Ceiling(
        composition=known.composition,
        objectives=known.objectives,
        session=False,
        memory=known.strategy,
        n=1,
        per_objective=1.0,
        turns=3,
        longest_page=9,
        longest_action=9,
        peak_without_prompt=9,
        page_per_objective=20.0,
    )
    return evaluation.model_copy(update={"cells": (known, *others), "retention": (retention,), "ceiling": (ceiling,)})


def test_what_was_remembered_stands_in_the_report_by_cell(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    evaluation = told(read_run(run.path).evaluations[-1])
    run.write_evaluation(evaluation.label, evaluation)
    tables = [table for section in make_document(read_run(run.path)).sections for table in section.tables]
    (table,) = [one for one in tables if one.title == "What was remembered"]
    row = table.records(REMEMBERED)[0]
    assert row["Retention"] == "0.750"
    assert table.rows[0][2].aside == "0.500 … 0.900"
    assert row["Expert's"] == "1.50"  # 30 tokens an objective against 20
    assert (row["not found"], row["dropped"], row["corrupted"]) == ("1", "2", "0")
    assert table.rows[0][-1].text == "10"
    assert table.records(REMEMBERED)[1]["dropped"] == "–"
    other = evaluation.ceiling[0].model_copy(update={"memory": "another"})
    without = remembering_table(evaluation.model_copy(update={"ceiling": (other,)}))
    assert without is not None
    assert without.records(REMEMBERED)[0]["Expert's"] == "–", "the expert is the one under the same strategy"


def test_evaluations_that_know_nothing_of_it_have_no_such_table(tmp_path: Path) -> None:
    assert remembering_table(read_run(make_run(tmp_path).path).evaluations[-1]) is None
