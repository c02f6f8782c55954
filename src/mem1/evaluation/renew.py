"""Evaluations that were stored under former rules, with their means and intervals worked out anew from their values."""

from __future__ import annotations

from mem1.evaluation.cells import Bootstrap, compare_strategies, with_metrics
from mem1.evaluation.records import Cell, Evaluation
from mem1.evaluation.statistics import METHOD
from mem1.evaluation.verdict import verdicts


def renewed(evaluation: Evaluation) -> Evaluation:
    """``evaluation`` as it would be written today; the values of its tasks are not touched.

    Except for costs of failed episodes: these were once counted. Which tasks they belong to was not kept; in a cell
    with failures those of all tasks without a score are left out.
    """
    if evaluation.intervals == METHOD:
        return evaluation
    plan = evaluation.plan
    bootstrap = Bootstrap(plan.seed, plan.resamples, plan.confidence)
    cells = tuple(with_metrics(_without_failed(cell), bootstrap) for cell in evaluation.cells)
    return evaluation.model_copy(
        update={
            "cells": cells,
            "comparisons": compare_strategies(cells, bootstrap),
            "verdicts": verdicts(cells, plan.baseline, bootstrap),
            "intervals": METHOD,
        }
    )


def _without_failed(cell: Cell) -> Cell:
    if not cell.failed:
        return cell
    scores = [cell.values[measure] for measure in cell.scored if measure in cell.values]
    kept = [any(column[k] is not None for column in scores) for k in range(len(cell.tasks))]
    values = {
        measure: tuple(value if keep else None for value, keep in zip(column, kept, strict=True))
        for measure, column in cell.values.items()
    }
    return cell.model_copy(update={"values": values})
