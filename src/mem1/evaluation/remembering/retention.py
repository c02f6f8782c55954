"""Retention: the score an objective at many objectives over that at few."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.measures import PER_OBJECTIVE, range_of
from mem1.evaluation.records import Cell, Retention
from mem1.evaluation.statistics import Draw, averaged, ratio_of_means

_USUAL = 2  # what retention is counted from where it was run: the paper trains on two objectives


def retentions(cells: Sequence[Cell], draw: Draw) -> tuple[Retention, ...]:
    """Of every strategy at every number of objectives, by the main metric, against its own score at 2 objectives.

    Where 2 were not run the fewest are the base. The tasks at two horizons are different tasks, so that nothing can be
    paired: the interval is that of a ratio over two sets. Cells that share no metric with their base are left out.
    """
    found = []
    for strategy, composition in dict.fromkeys((cell.strategy, cell.composition) for cell in cells):
        own = [cell for cell in cells if (cell.strategy, cell.composition) == (strategy, composition)]
        base = min(own, key=lambda cell: (cell.objectives != _USUAL, cell.objectives))
        found += [_retention(base, cell, draw) for cell in own if cell is not base]
    return tuple(one for one in found if one is not None)


def _retention(base: Cell, cell: Cell, draw: Draw) -> Retention | None:
    if not base.scored or base.scored[0] not in cell.scored or cell.objectives < base.objectives:
        return None
    name = f"{base.scored[0]}{PER_OBJECTIVE}"
    within = range_of(name, cell.objectives)
    above, below = (list(averaged(one.by_task(name), one.first_alike).values()) for one in (cell, base))
    return Retention(
        strategy=cell.strategy,
        composition=cell.composition,
        objectives=cell.objectives,
        session=cell.session,
        base=base.objectives,
        measure=name,
        ratio=ratio_of_means(above, below, draw, limit=within[1] if within else None),
    )
