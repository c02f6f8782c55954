"""What was remembered: what scores keep over the horizon, which answers stayed in context, where others went."""

from __future__ import annotations

from mem1.evaluation.measures import Measure, spec_of
from mem1.evaluation.records import Ceiling, Cell, CellKey, Evaluation, Metric, Retention
from mem1.evaluation.remembering.survival import Fate
from mem1.report.numbers import number
from mem1.report.tables import Column, Entry, Table, confidence_note, entry_of, keys_of, tasks_of

_LOSSES = tuple(fate for fate in Fate if fate is not Fate.ANSWERED)
REMEMBERED = ("Tasks", "Strategy", "Retention", "Found", "Kept", "Page / objective", "Expert's", *map(str, _LOSSES))
"""The columns that a terminal has room for."""


def remembering_table(evaluation: Evaluation) -> Table | None:
    """A line for each cell; ``None`` where no cell knows what became of what was found."""
    if not any(cell.fates for cell in evaluation.cells):
        return None
    retained = {(one.strategy, one.key): one for one in evaluation.retention}
    rows = [
        _row(cell, retained.get((cell.strategy, key)), evaluation.expert(cell))
        for key in keys_of(evaluation)
        for cell in evaluation.cells
        if cell.key == key
    ]
    return Table(
        title="What was remembered",
        note="Retention: the main score an objective over that at 2 objectives, or at the fewest that were run; the "
        "tasks are different ones and cannot be paired. Expert's: the page an objective as a multiple of the scripted "
        "expert's on the same tasks under the same strategy. Behind it how many of all answers were lost where; the "
        "rest was answered. " + confidence_note(evaluation),
        columns=(
            Column("Tasks", numeric=False),
            Column("Strategy", numeric=False),
            Column("Retention"),
            *(Column(_head(name), spec_of(name).unit, meaning=spec_of(name).meaning) for name in _BEFORE),
            Column("Expert's", "multiple"),
            *(Column(_head(name), spec_of(name).unit, meaning=spec_of(name).meaning) for name in _BEHIND),
            *(Column(str(fate), "answers", meaning=_MEANINGS[fate]) for fate in _LOSSES),
            Column("all", "answers"),
        ),
        rows=tuple(rows),
    )


_BEFORE = (Measure.FOUND, Measure.KEPT, Measure.PAGE_PER_OBJECTIVE)
_BEHIND = (Measure.REPEATED, Measure.REPEATED_AFTER_LOSS, Measure.PEAK, Measure.TOKENS)
_MEANINGS = {
    Fate.NOT_FOUND: "no look-up showed it",
    Fate.NOT_WRITTEN: "shown, and in no context after that observation was gone",
    Fate.CORRUPTED: "in context once; when due there was something else in its place, or nearly it",
    Fate.DROPPED: "in context once, and not when it was due",
    Fate.NOT_ANSWERED: "in context when it was due, and not given",
}


def _head(name: str) -> str:
    return spec_of(name).label


def _row(cell: Cell, retention: Retention | None, ceiling: Ceiling | None) -> tuple[Entry, ...]:
    page = cell.metrics.get(Measure.PAGE_PER_OBJECTIVE)
    expert = ceiling.page_per_objective if ceiling else None
    return (
        Entry(tasks_of(CellKey(cell.composition, cell.objectives, cell.session))),
        Entry(cell.strategy),
        _ratio(retention.ratio if retention else None),
        *(entry_of(cell, name) for name in _BEFORE),
        Entry(number(page.mean / expert, 2) if page and expert else "–"),
        *(entry_of(cell, name) for name in _BEHIND),
        *(Entry(str(cell.fates.get(fate, 0)) if cell.fates else "–") for fate in _LOSSES),
        Entry(str(sum(cell.fates.values())) if cell.fates else "–"),
    )


def _ratio(metric: Metric | None) -> Entry:
    if metric is None:
        return Entry("–")
    known = metric.low is not None and metric.high is not None
    return Entry(
        number(metric.mean, 3), f"{number(metric.low or 0, 3)} … {number(metric.high or 0, 3)}" if known else ""
    )
