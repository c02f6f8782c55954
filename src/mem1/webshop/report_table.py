"""The table of the shopping benchmark: what was bought, and at what cost in context."""

from __future__ import annotations

from collections.abc import Collection

from mem1.evaluation.measures import Measure, spec_of
from mem1.evaluation.records import Cell, Evaluation
from mem1.report.numbers import mean_of, number
from mem1.report.tables import Column, Entry, Table, confidence_note

_SCORE, _SUCCESS = "score_per_objective", "success_per_objective"
_PARTS = {
    "r_type_per_objective": ("Type", "part of the shop's reward: the right kind of product; mean over objectives"),
    "r_att_per_objective": ("Attributes", "wanted attributes that were met / wanted, mean over objectives"),
    "r_option_per_objective": ("Options", "wanted options that were chosen / wanted, mean over objectives with any"),
    "r_price_per_objective": ("Price", "purchases within the price limit / objectives"),
    "r_link_per_objective": (
        "Remembered",
        "options that earlier purchases decide: chosen so / wanted",
    ),
    "unbroken_per_objective": ("Unbroken", "goals that succeeded with all before them / objectives"),
}
_BUNDLE = ("r_link_per_objective", "unbroken_per_objective")


def shop_table(evaluation: Evaluation) -> Table | None:
    """Score, success rate, reward parts and the paper's three costs; ``None`` where no environment gave rewards.

    The paper's columns (MEM1, arXiv 2506.15841): final reward, peak tokens x 10^3, dependency x 10^6, seconds.
    """
    cells = [cell for cell in evaluation.cells if _SUCCESS in cell.metrics and _SCORE in cell.metrics]
    if not cells:
        return None
    parts = {key: about for key, about in _PARTS.items() if key not in _BUNDLE or any(key in c.metrics for c in cells)}
    scorers = dict.fromkeys(name for cell in cells for name in cell.scorers)
    return Table(
        title=f"Shopping: {evaluation.label}",
        note=f"Score = 100 x mean reward of a goal, nothing bought counts 0; success = share of goals with reward 1. "
        f"{confidence_note(evaluation)} {'. '.join(scorers)}.",
        columns=(
            Column("Tasks", numeric=False),
            Column("Strategy", numeric=False),
            Column("Score", meaning="100 x the environment's reward, mean over objectives"),
            Column("Success", "%", meaning="goals with reward 1 / goals"),
            Column("Bought", meaning="goals that something was bought for / goals"),
            *(Column(label, meaning=meaning) for label, meaning in parts.values()),
            Column("Peak", "10³ tokens", meaning=spec_of(Measure.PEAK).meaning),
            Column("Dependency", "10⁶ tokens²", meaning=spec_of(Measure.DEPENDENCY).meaning),
            Column("Seconds", "s", meaning=spec_of(Measure.SECONDS).meaning),
            Column("n", "tasks"),
        ),
        rows=tuple(_row(cell, parts) for cell in cells),
    )


def _row(cell: Cell, parts: Collection[str]) -> tuple[Entry, ...]:
    return (
        Entry(f"session of {cell.objectives}" if cell.session else f"{cell.composition} {cell.objectives}"),
        Entry(cell.strategy),
        _scaled(cell, _SCORE, 100, 1, bounded=True),
        _scaled(cell, _SUCCESS, 100, 1),
        Entry(mean_of(Measure.ANSWER_RATE, cell.metrics.get(Measure.ANSWER_RATE))),
        *(Entry(mean_of(part, cell.metrics.get(part))) for part in parts),
        _scaled(cell, Measure.PEAK, 1e-3, 2),
        _scaled(cell, Measure.DEPENDENCY, 1e-6, 2),
        Entry(mean_of(Measure.SECONDS, cell.metrics.get(Measure.SECONDS))),
        Entry(str(len(cell.tasks))),
    )


def _scaled(cell: Cell, measure: str, factor: float, decimals: int, *, bounded: bool = False) -> Entry:
    metric = cell.metrics.get(measure)
    if metric is None:
        return Entry("–")
    ends = (metric.low, metric.high) if bounded else (None, None)
    aside = " … ".join(number(end * factor, decimals) for end in ends if end is not None)
    return Entry(number(metric.mean * factor, decimals), aside)
