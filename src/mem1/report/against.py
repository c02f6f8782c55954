"""Two runs on the same tasks: what changed in quality and in cost, paired by task."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mem1.errors import DataError
from mem1.evaluation.cells import Bootstrap, alike_in
from mem1.evaluation.measures import PER_OBJECTIVE, Measure, spec_of
from mem1.evaluation.records import Cell, CellKey, Evaluation, Metric
from mem1.evaluation.statistics import pairs, told_apart
from mem1.report.data import bootstrap_of, read_whole_run
from mem1.report.tables import keys_of, tasks_of

DIFFERENCES = (Measure.ANSWER_RATE, Measure.MALFORMED)  # beside the scores
RATIOS = (Measure.PEAK_WITHOUT_PROMPT, Measure.DEPENDENCY, Measure.TOKENS, Measure.SECONDS, Measure.COST)


def against(run: Path, base: Path) -> list[dict[str, Any]]:
    """The last evaluation of ``run`` set against the last one of ``base``, on the tasks that both have.

    A strategy is compared with itself; where a set of tasks has one strategy in each run and they are not the same,
    these two are. Each row is one measure on one set of tasks: its mean in both over the ``n`` shared tasks, and the
    ``change`` with its interval: a difference (``run`` less ``base``) for quality, a multiple (``run`` / ``base``) for
    costs. ``told_apart`` says whether it holds among all rows together. Intervals are paired by task, as ``run`` draws
    them.

    Raises:
        DataError: One of them has no evaluation, no task is in both, or they were scored differently.
        StorageError: One of them is no run, or damaged.
    """
    return set_against(_last(run), _last(base), str(run), str(base))


def set_against(mine: Evaluation, other: Evaluation, run: str, base: str) -> list[dict[str, Any]]:
    """The same for two evaluations that were read already; ``run`` and ``base`` are what they are called in errors."""
    bootstrap = bootstrap_of(mine)
    met = [pair for key in keys_of(mine) for pair in _pairs(other, mine, key)]
    met = [(old, new) for old, new in met if set(old.tasks) & set(new.tasks)]
    if not met:
        raise DataError(
            "no task was evaluated in both runs",
            where=f"{run}, {base}",
            hint="evaluate both with the same source, split, evaluate.seed, evaluate.tasks and horizons",
        )
    for old, new in met:
        if old.scorers != new.scorers:
            raise DataError(
                f"{tasks_of(new.key)} was scored differently: {_named(old)} in the one, {_named(new)} in the other",
                where=f"{base}, {run}",
                hint="evaluate both with the same [scorer] and [env]",
            )
    found = [row for old, new in met for row in _rows(old, new, bootstrap)]
    results = [(change, 1.0 if row["kind"] == "multiple" else 0.0) for row, change in found]
    apart = told_apart(results, bootstrap.confidence)
    return [row | {"told_apart": told} for (row, _), told in zip(found, apart, strict=True)]


def _last(run: Path) -> Evaluation:
    found = read_whole_run(run).last
    if found is None:
        raise DataError("the run holds no evaluation", where=str(run), hint="mem1 evaluate RECIPE --run DIR")
    return found


def _pairs(base: Evaluation, run: Evaluation, key: CellKey) -> list[tuple[Cell, Cell]]:
    olds = {cell.strategy: cell for cell in base.cells if cell.key == key}
    news = {cell.strategy: cell for cell in run.cells if cell.key == key}
    shared = [(olds[name], cell) for name, cell in news.items() if name in olds]
    if shared or len(olds) != 1 or len(news) != 1:
        return shared
    return list(zip(olds.values(), news.values(), strict=True))


def _rows(old: Cell, new: Cell, bootstrap: Bootstrap) -> Iterator[tuple[dict[str, Any], Metric]]:
    strategy = new.strategy if old.strategy == new.strategy else f"{old.strategy} -> {new.strategy}"
    scores = new.scored[:2]
    per_objective = (f"{name}{PER_OBJECTIVE}" for name in scores)
    for measure in (*scores, *per_objective, *DIFFERENCES, *RATIOS):
        change = (bootstrap.ratio if measure in RATIOS else bootstrap.paired)(old, new, measure)
        if change is None:
            continue
        before, after = pairs(old.by_task(measure), new.by_task(measure), alike_in(old, new))
        yield (
            {
                "tasks": tasks_of(new.key),
                "strategy": strategy,
                "measure": str(measure),
                "base": float(before.mean()),
                "run": float(after.mean()),
                "change": change.mean,
                "kind": "multiple" if measure in RATIOS else "difference",
                "low": change.low,
                "high": change.high,
                "n": change.n,
            },
            change,
        )


def in_words(row: dict[str, Any]) -> dict[str, str]:
    """A row of ``against`` as people read it, without what it is about."""
    measure: str = row["measure"]
    digits = spec_of(measure).decimals
    form = "{:.2f}x" if row["kind"] == "multiple" else f"{{:+.{digits}f}}"
    low, high = row["low"], row["high"]
    return {
        "measure": spec_of(measure).label,
        "base": f"{row['base']:,.{digits}f}",
        "run": f"{row['run']:,.{digits}f}",
        "change": form.format(row["change"]) + ("*" if row["told_apart"] else ""),
        "interval": "" if low is None else f"{form.format(low)} to {form.format(high)}",
        "n": str(row["n"]),
    }


def _named(cell: Cell) -> str:
    return " and ".join(cell.scorers) or "nothing said"
