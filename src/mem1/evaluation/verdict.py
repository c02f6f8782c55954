"""What does constant memory cost me and save me on my tasks? One line a strategy, against a baseline."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.cells import Bootstrap
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, Verdict


def verdicts(cells: Sequence[Cell], baseline: str, bootstrap: Bootstrap) -> tuple[Verdict, ...]:
    """Every strategy against ``baseline`` on each set of tasks that both were run on."""
    bases = {cell.key: cell for cell in cells if cell.strategy == baseline}
    return tuple(
        verdict(bases[cell.key], cell, bootstrap) for cell in cells if cell.strategy != baseline and cell.key in bases
    )


def verdict(base: Cell, cell: Cell, bootstrap: Bootstrap) -> Verdict:
    """One strategy against the baseline."""
    return Verdict(
        strategy=cell.strategy,
        baseline=base.strategy,
        composition=cell.composition,
        objectives=cell.objectives,
        session=cell.session,
        em=bootstrap.paired(base, cell, Measure.EM),
        f1=bootstrap.paired(base, cell, Measure.F1),
        peak=bootstrap.ratio(base, cell, Measure.PEAK_WITHOUT_PROMPT),
        tokens=bootstrap.ratio(base, cell, Measure.TOKENS),
        tokens_reused=bootstrap.ratio(base, cell, Measure.TOKENS_REUSED),
        seconds=bootstrap.ratio(base, cell, Measure.SECONDS),
        cost=bootstrap.ratio(base, cell, Measure.COST),
    )
