"""Figures of several runs: horizons and learning, a line for each run or for each set of seeds."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mem1.evaluation.measures import PER_OBJECTIVE, spec_of
from mem1.report.data import main_strategy
from mem1.report.figures.plots import LEARNING, SLOTS, running_mean
from mem1.report.figures.svg import Axis, Chart, Point, Series
from mem1.report.listing.summary import CellSummary, RunSummary
from mem1.report.numbers import interval_of, mean_of


@dataclass(frozen=True, slots=True)
class Together:
    """Runs that are drawn as one line: those of the same settings, which differ in their seeds. ``mark`` names it."""

    mark: str
    runs: tuple[RunSummary, ...]

    @property
    def several(self) -> bool:
        """Whether there is more than one seed."""
        return len(self.runs) > 1


def together(runs: Sequence[RunSummary]) -> list[Together]:
    """The sets of runs with the same settings, in their order, marked A, B, C, ..."""
    found: dict[str, list[RunSummary]] = defaultdict(list)
    for one in runs:
        found[one.settings or one.name].append(one)
    return [Together(_mark(k), tuple(some)) for k, some in enumerate(found.values())]


def scores_by_run(sets: Sequence[Together]) -> list[Chart]:
    """The main metric per objective against the number of objectives; with several seeds their mean and range."""
    by_composition: dict[str, list[Series]] = defaultdict(list)
    label = ""
    for k, one in enumerate(sets):
        for composition, at in _horizons(one).items():
            points = tuple(_pooled(one, objectives, cells) for objectives, cells in sorted(at.items()))
            by_composition[composition].append(Series(one.mark, k % SLOTS, points, dashed=k >= SLOTS))
            label = label or spec_of(_name(next(iter(at.values()))[0])).label
    return [
        Chart(
            id=f"runs-{composition}",
            title=f"{label}: {composition}",
            caption="The most trained policy of each run, its main strategy. One seed: its interval over tasks; "
            "several: their mean and range.",
            x=Axis("objectives in the task", log2=True),
            y=Axis(label, low=0.0, high=1.0),
            series=tuple(series),
        )
        for composition, series in by_composition.items()
    ]


def learning_by_run(sets: Sequence[Together], metrics: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Chart]:
    """Training metrics over steps, a line for each set of seeds: their mean, and their range as a band.

    ``metrics`` holds the rows of each run by its name. A step counts where every seed has it.
    """
    measured = sorted({name for rows in metrics.values() for row in rows for name in row if name[:11] == "evaluation/"})
    extra = tuple((name, f"Evaluated: {name[11:]}", "measured between steps", name[11:]) for name in measured)
    charts = []
    for name, title, caption, unit in (*LEARNING[:2], *extra, *LEARNING[2:]):
        series = [
            Series(one.mark, k % SLOTS, points, dashed=k >= SLOTS, marks=len(points) <= 30)
            for k, one in enumerate(sets)
            if (points := _curve(one, [metrics.get(run.name, ()) for run in one.runs], name))
        ]
        if not series:
            continue
        low = 0.0 if min(p.y if p.low is None else p.low for one in series for p in one.points) >= 0 else None
        words = f"{caption[0].upper()}{caption[1:]}; smoothed over a twentieth of the steps."
        if any(one.several for one in sets):
            words += " Several seeds: their mean and range."
        charts.append(Chart(f"runs-{name}", title, words, Axis("step"), Axis(unit, low=low), tuple(series)))
    return charts


def _curve(one: Together, rows: Sequence[Sequence[Mapping[str, Any]]], name: str) -> tuple[Point, ...]:
    lines = [_smooth(some, name) for some in rows]
    lines = [line for line in lines if line]
    if not lines:
        return ()
    steps = sorted(set.intersection(*(set(line) for line in lines)))
    points = []
    for step in steps:
        values = [line[step] for line in lines]
        mean = math.fsum(values) / len(values)
        low, high = (min(values), max(values)) if len(values) > 1 else (None, None)
        note = f"{one.mark}, step {step:g}: {mean:.4g}" + (f", {len(values)} seeds" if len(values) > 1 else "")
        points.append(Point(step, mean, low, high, note if len(steps) <= 120 or step == steps[-1] else ""))
    return tuple(points)


def _smooth(rows: Sequence[Mapping[str, Any]], name: str) -> dict[float, float]:
    raw = [(float(row["step"]), float(row[name])) for row in rows if isinstance(row.get(name), int | float)]
    return dict(running_mean(raw, max(1, len(raw) // 20)))


def _horizons(one: Together) -> dict[str, dict[int, list[CellSummary]]]:
    """The cells of the main strategy of every run's last evaluation, by composition and number of objectives."""
    found: dict[str, dict[int, list[CellSummary]]] = defaultdict(lambda: defaultdict(list))
    for run in one.runs:
        last = run.last
        for cell in last.cells if last else ():
            strategy = main_strategy(last.strategies) if last else ""
            if cell.strategy == strategy and not cell.key.session and cell.per_objective() is not None:
                found[str(cell.key.composition)][cell.key.objectives].append(cell)
    return found


def _pooled(one: Together, objectives: int, cells: Sequence[CellSummary]) -> Point:
    metrics = [metric for cell in cells if (metric := cell.per_objective()) is not None]
    name = _name(cells[0])
    if len(metrics) == 1:
        metric = metrics[0]
        interval = interval_of(name, metric)
        note = f"{one.mark}, {objectives} objectives: {mean_of(name, metric)}" + (f" ({interval})" if interval else "")
        return Point(objectives, metric.mean, metric.low, metric.high, f"{note}, n = {metric.n} tasks")
    means = [metric.mean for metric in metrics]
    mean = math.fsum(means) / len(means)
    return Point(
        objectives, mean, min(means), max(means), f"{one.mark}, {objectives} objectives: {mean:.3f}, {len(means)} seeds"
    )


def _name(cell: CellSummary) -> str:
    return f"{cell.scored[0]}{PER_OBJECTIVE}" if cell.scored else ""


def _mark(k: int) -> str:
    return chr(ord("A") + k) if k < 26 else f"A{k}"
