"""What does constant memory cost me and save me on my tasks? One line a strategy, against a baseline."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.cells import Bootstrap
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, Verdict
from mem1.evaluation.statistics import told_apart


def verdicts(cells: Sequence[Cell], baseline: str, bootstrap: Bootstrap) -> tuple[Verdict, ...]:
    """Every strategy against ``baseline`` on each set of tasks that both were run on."""
    bases = {cell.key: cell for cell in cells if cell.strategy == baseline}
    found = [
        verdict(bases[cell.key], cell, bootstrap) for cell in cells if cell.strategy != baseline and cell.key in bases
    ]
    named = [(k, name, result) for k, one in enumerate(found) for name, result in one.results.items()]
    apart = told_apart([result for *_, result in named], bootstrap.confidence)
    return tuple(
        one.model_copy(
            update={
                "told_apart": tuple(name for (at, name, _), told in zip(named, apart, strict=True) if told and at == k)
            }
        )
        for k, one in enumerate(found)
    )


def verdict(base: Cell, cell: Cell, bootstrap: Bootstrap) -> Verdict:
    """One strategy against the baseline."""
    return Verdict(
        strategy=cell.strategy,
        baseline=base.strategy,
        composition=cell.composition,
        objectives=cell.objectives,
        session=cell.session,
        scores={name: bootstrap.paired(base, cell, name) for name in cell.scored[:2]},
        peak=bootstrap.ratio(base, cell, Measure.PEAK_WITHOUT_PROMPT),
        tokens=bootstrap.ratio(base, cell, Measure.TOKENS),
        tokens_reused=bootstrap.ratio(base, cell, Measure.TOKENS_REUSED),
        seconds=bootstrap.ratio(base, cell, Measure.SECONDS),
        cost=bootstrap.ratio(base, cell, Measure.COST),
    )
