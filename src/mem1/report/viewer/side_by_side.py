"""Several runs side by side: where their configurations differ, their scores, and their figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mem1.errors import Mem1Error
from mem1.evaluation.measures import PER_OBJECTIVE, spec_of
from mem1.evaluation.records import Cell
from mem1.report.against import in_words, set_against
from mem1.report.data import RunData, main_strategy, read_numbers
from mem1.report.figures.across import Together, learning_by_run, scores_by_run, together
from mem1.report.figures.scatter import costly, paired_scatter, quality_against
from mem1.report.figures.svg import Chart
from mem1.report.listing.summary import RunSummary
from mem1.report.numbers import interval_of, mean_of
from mem1.report.tables import Column, Entry, Table, tasks_of
from mem1.report.viewer.run_pages import as_texts, cut
from mem1.storage.atomic import read_json
from mem1.storage.run_dir import RunDir

MOST = 12
"""Runs at once."""
_ROWS = 200  # settings in which they differ
_IGNORED = ("name", "runs")


@dataclass(frozen=True, slots=True)
class RunComparison:
    """What is shown of several runs. ``sets``: which are drawn as one line; ``problems``: what could not be shown."""

    sets: tuple[Together, ...]
    marks: dict[str, str]
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...]
    problems: tuple[str, ...]


def comparison_of(runs: Sequence[RunSummary], paths: Sequence[Path | None]) -> RunComparison:
    """Everything about ``runs`` at ``paths``. What cannot be read is left out and told of."""
    problems = [f"{one.name}: {problem}" for one in runs for problem in one.problems]
    data: dict[str, RunData] = {}
    for one, path in zip(runs, paths, strict=True):
        try:
            if path is not None:
                data[one.name] = read_numbers(RunDir.open(path))
        except Mem1Error as error:
            problems.append(f"{one.name}: {error.what}")
    sets = together(runs)
    marks = {run.name: one.mark for one in sets for run in one.runs}
    tables = [_settings(runs, data, marks), _scores(runs, marks)]
    charts = [*scores_by_run(sets), *_costs(runs, marks)]
    if len(runs) == 2 and len(data) == 2:
        table, scatters = _pair(runs, data, marks, problems)
        tables.append(table)
        charts += scatters
    charts += learning_by_run(sets, {name: one.metrics for name, one in data.items()})
    return RunComparison(tuple(sets), marks, tuple(one for one in tables if one), tuple(charts), tuple(problems))


def _heads(runs: Sequence[RunSummary], marks: Mapping[str, str], *, numeric: bool) -> list[Column]:
    """A column for each run: its mark, and its seed where others have the same mark."""
    several = {mark for mark in marks.values() if list(marks.values()).count(mark) > 1}
    return [
        Column(marks[one.name], f"seed {one.seed}" if marks[one.name] in several else "", numeric, one.name)
        for one in runs
    ]


def _settings(runs: Sequence[RunSummary], data: Mapping[str, RunData], marks: Mapping[str, str]) -> Table | None:
    """Where the configurations differ."""
    found: dict[str, dict[str, str]] = {}
    for name, one in data.items():
        with suppress(Mem1Error):
            found[name] = dict(as_texts(read_json(one.run.config_json)))
    keys = dict.fromkeys(key for values in found.values() for key in values)
    differing = [
        key for key in keys if key not in _IGNORED and len({values.get(key, "–") for values in found.values()}) > 1
    ]
    if len(found) < 2:
        return None
    rows = tuple(
        (Entry(key), *(Entry(cut(found.get(one.name, {}).get(key, "–"))) for one in runs)) for key in differing[:_ROWS]
    )
    left = f" The first {_ROWS} of {len(differing)}." if len(differing) > _ROWS else ""
    return Table(
        title="Settings that differ",
        note=("They differ in nothing." if not rows else "") + left,
        columns=(Column("Setting", numeric=False), *_heads(runs, marks, numeric=False)),
        rows=rows,
    )


def _scores(runs: Sequence[RunSummary], marks: Mapping[str, str]) -> Table | None:
    """The main metric per objective of every strategy at every horizon, a column for each run."""
    cells = {
        (cell.key, cell.strategy, one.name): cell for one in runs if one.last is not None for cell in one.last.cells
    }
    lines = dict.fromkeys((key, strategy) for key, strategy, _ in cells)
    if not lines:
        return None
    rows = []
    for key, strategy in sorted(
        lines, key=lambda line: (line[0].session, str(line[0].composition), line[0].objectives)
    ):
        entries = []
        for one in runs:
            cell = cells.get((key, strategy, one.name))
            metric = cell.per_objective() if cell else None
            name = f"{cell.scored[0]}{PER_OBJECTIVE}" if cell and cell.scored else ""
            aside = f"{interval_of(name, metric)}" if metric else ""
            entries.append(Entry(mean_of(name, metric), aside))
        rows.append((Entry(tasks_of(key)), Entry(strategy), *entries))
    measures = sorted({spec_of(f"{cell.scored[0]}{PER_OBJECTIVE}").label for cell in cells.values() if cell.scored})
    return Table(
        title=f"Scores of the most trained policies: {', '.join(measures)}",
        note="Each run's last evaluation, with its interval over tasks. Tasks may differ between runs.",
        columns=(Column("Tasks", numeric=False), Column("Strategy", numeric=False), *_heads(runs, marks, numeric=True)),
        rows=tuple(rows),
    )


def _costs(runs: Sequence[RunSummary], marks: Mapping[str, str]) -> list[Chart]:
    """Quality against what it costs, over runs and strategies."""
    last = [(one, one.last) for one in runs if one.last is not None]
    found = [
        mark
        for one, evaluation in last
        for cell in evaluation.cells
        if not cell.key.session
        and (mark := costly(f"{marks[one.name]} {cell.strategy}", cell.key.objectives, dict(cell.metrics), cell.scored))
    ]
    scored = next((cell.scored[0] for _, one in last for cell in one.cells if cell.scored), None)
    if scored is None:
        return []
    currencies = {one.currency for one in runs if one.currency}
    label = spec_of(f"{scored}{PER_OBJECTIVE}").label
    return quality_against(found, label, "runs-", currencies.pop() if len(currencies) == 1 else None)


def _pair(
    runs: Sequence[RunSummary], data: Mapping[str, RunData], marks: Mapping[str, str], problems: list[str]
) -> tuple[Table | None, list[Chart]]:
    """Two runs on the tasks that both have: what changed, paired, and task by task."""
    left, right = (data[one.name].last for one in runs)
    if left is None or right is None:
        return None, []
    names = [_called(one, marks, k) for k, one in enumerate(runs)]
    try:
        rows = set_against(right, left, runs[1].name, runs[0].name)
    except Mem1Error as error:
        problems.append(error.what)
        return None, []
    words = [row | in_words(row) for row in rows]
    table = Table(
        title=f"What changed from {names[0]} to {names[1]}",
        note="Paired by task, on the tasks that both have. Costs are multiples. * holds among all lines together.",
        columns=(
            *(Column(head, numeric=False) for head in ("Tasks", "Strategy", "Measure")),
            *(Column(head) for head in (names[0], names[1], "Change", "Interval", "n")),
        ),
        rows=tuple(
            tuple(
                Entry(str(row[key]))
                for key in ("tasks", "strategy", "measure", "base", "run", "change", "interval", "n")
            )
            for row in words
        ),
    )
    charts = [
        paired_scatter(old, new, (names[0], names[1]), old.scored[0])
        for old, new in _shared(data[runs[0].name], data[runs[1].name])
        if old.scored
    ]
    return table, [chart for chart in charts if chart is not None]


def _shared(left: RunData, right: RunData) -> list[tuple[Cell, Cell]]:
    """The cells of both main strategies on the same sets of tasks."""
    if left.last is None or right.last is None:
        return []
    ours = {cell.key: cell for cell in left.last.cells if cell.strategy == main_strategy(left.last.plan.strategies)}
    theirs = {cell.key: cell for cell in right.last.cells if cell.strategy == main_strategy(right.last.plan.strategies)}
    return [(cell, theirs[key]) for key, cell in ours.items() if key in theirs]


def _called(one: RunSummary, marks: Mapping[str, str], k: int) -> str:
    mark = marks[one.name]
    return mark if len(set(marks.values())) > 1 else f"{mark} seed {one.seed if one.seed is not None else k}"
