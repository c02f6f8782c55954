"""The table of the shopping benchmark: what was bought, and at what cost in context."""

from __future__ import annotations

from mem1.evaluation.measures import SPECS, Measure
from mem1.evaluation.records import Cell, Evaluation
from mem1.report.numbers import interval_of, mean_of, number
from mem1.report.tables import Column, Entry, Table, confidence_note

_PARTS = (Measure.R_TYPE, Measure.R_ATT, Measure.R_OPTION, Measure.R_PRICE)


def shop_table(evaluation: Evaluation) -> Table | None:
    """Score, success rate, reward parts and the paper's three costs; ``None`` where no environment gave rewards.

    The paper's columns (MEM1, arXiv 2506.15841): final reward, peak tokens x 10^3, dependency x 10^6, seconds.
    """
    cells = [cell for cell in evaluation.cells if Measure.SCORE in cell.metrics]
    if not cells:
        return None
    scorers = dict.fromkeys(name for cell in cells for name in cell.scorers)
    return Table(
        title=f"Shopping: {evaluation.label}",
        note=f"Score = 100 x mean reward of a goal, nothing bought counts 0; success = share of goals with reward 1. "
        f"{confidence_note(evaluation)} {'. '.join(scorers)}.",
        columns=(
            Column("Tasks", numeric=False),
            Column("Strategy", numeric=False),
            Column("Score", meaning=SPECS[Measure.SCORE].meaning),
            Column("Success", "%", meaning="goals with reward 1 / goals"),
            Column("Bought", meaning="goals that something was bought for / goals"),
            *(Column(SPECS[part].label, meaning=SPECS[part].meaning) for part in _PARTS),
            Column("Peak", "10³ tokens", meaning=SPECS[Measure.PEAK].meaning),
            Column("Dependency", "10⁶ tokens²", meaning=SPECS[Measure.DEPENDENCY].meaning),
            Column("Seconds", "s", meaning=SPECS[Measure.SECONDS].meaning),
            Column("n", "tasks"),
        ),
        rows=tuple(_row(cell) for cell in cells),
    )


def _row(cell: Cell) -> tuple[Entry, ...]:
    score = cell.metrics[Measure.SCORE]
    return (
        Entry(f"session of {cell.objectives}" if cell.session else f"{cell.composition} {cell.objectives}"),
        Entry(cell.strategy),
        Entry(mean_of(Measure.SCORE, score), interval_of(Measure.SCORE, score)),
        _scaled(cell, Measure.EM_PER_OBJECTIVE, 100, 1),
        Entry(mean_of(Measure.ANSWER_RATE, cell.metrics.get(Measure.ANSWER_RATE))),
        *(Entry(mean_of(part, cell.metrics.get(part))) for part in _PARTS),
        _scaled(cell, Measure.PEAK, 1e-3, 2),
        _scaled(cell, Measure.DEPENDENCY, 1e-6, 2),
        Entry(mean_of(Measure.SECONDS, cell.metrics.get(Measure.SECONDS))),
        Entry(str(len(cell.tasks))),
    )


def _scaled(cell: Cell, measure: Measure, factor: float, decimals: int) -> Entry:
    metric = cell.metrics.get(measure)
    return Entry("–" if metric is None else number(metric.mean * factor, decimals))
