"""Figures over time: scores at every horizon over training steps, contexts and kept answers over turns."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mem1.evaluation.measures import PER_OBJECTIVE, spec_of
from mem1.evaluation.records import CellKey, Evaluation
from mem1.report.data import RunData, horizons, sessions
from mem1.report.figures.plots import MAX_WINDOWS, SLOTS, slot_of
from mem1.report.figures.svg import Axis, Chart, Point, Series
from mem1.report.numbers import interval_of, mean_of, number
from mem1.report.tables import tasks_of
from mem1.types import Composition


def scores_over_steps(data: RunData, composition: Composition) -> Chart | None:
    """The main metric per objective of the trained strategy at every horizon, over the steps it was evaluated after.

    ``None`` where fewer than two policy versions were evaluated.
    """
    last = data.last
    if last is None or not last.scored or len({one.policy.version for one in data.evaluations}) < 2:
        return None
    name, strategy = f"{last.scored[0]}{PER_OBJECTIVE}", data.main_strategy
    keys = sorted({key for one in data.evaluations for key in horizons(one, composition)}, key=lambda k: k.objectives)
    series = [
        Series(str(key.objectives), k % SLOTS, points, dashed=k >= SLOTS)
        for k, key in enumerate(keys)
        if (points := tuple(_at_steps(data.evaluations, strategy, key, name)))
    ]
    if not series:
        return None
    label = spec_of(name).label
    return Chart(
        id=f"steps-{composition}-{name}",
        title=f"{label} over training, {composition}",
        caption=f"{strategy}, a line for each number of objectives. Bands: intervals over tasks.",
        x=Axis("step"),
        y=Axis(label, low=0.0, high=1.0),
        series=tuple(series),
    )


def _at_steps(evaluations: Sequence[Evaluation], strategy: str, key: CellKey, measure: str) -> list[Point]:
    """A point for each policy version; of several evaluations of one the last counts."""
    found: dict[int, Point] = {}
    for one in evaluations:
        cell = one.cell(strategy, key)
        metric = cell.metrics.get(measure) if cell else None
        if metric is not None:
            interval = interval_of(measure, metric)
            note = f"step {one.policy.version}, {key.objectives} objectives: {mean_of(measure, metric)}"
            note += (f" ({interval})" if interval else "") + f", n = {metric.n} tasks"
            found[one.policy.version] = Point(one.policy.version, metric.mean, metric.low, metric.high, note)
    return [point for _, point in sorted(found.items())]


def longest(evaluation: Evaluation) -> list[CellKey]:
    """The longest horizon of each composition, sessions left out."""
    keys: dict[Composition, CellKey] = {}
    for cell in evaluation.cells:
        known = keys.get(cell.composition)
        if not cell.session and (known is None or cell.objectives > known.objectives):
            keys[cell.composition] = cell.key
    return list(keys.values())


def context_over_turns(data: RunData, evaluation: Evaluation, key: CellKey) -> Chart | None:
    """Tokens in context at each turn, all strategies in one figure."""
    series = []
    for name in evaluation.plan.strategies:
        cell = evaluation.cell(name, key)
        if cell is None or not cell.trace:
            continue
        width = max(1, math.ceil(len(cell.trace) / MAX_WINDOWS))
        points = []
        for start in range(0, len(cell.trace), width):
            some = cell.trace[start : start + width]
            y = max(point.peak_without_prompt for point in some)
            note = f"{name}, turn {some[-1].turn + 1}: {number(y, 0)} tokens, {some[-1].n} episodes"
            points.append(Point(some[-1].turn + 1, y, note=note))
        series.append(Series(name, slot_of(name, data.strategies), tuple(points), marks=False))
    if not series:
        return None
    return Chart(
        id=f"context-{key.name}",
        title=f"Context at each turn: {tasks_of(key)}",
        caption="Prompt + completion less P, mean over the episodes still running.",
        x=Axis("turn", low=0.0),
        y=Axis("tokens", low=0.0),
        series=tuple(series),
    )


def survival_chart(data: RunData, evaluation: Evaluation, key: CellKey) -> Chart | None:
    """The share of found answers still in context by the turns since they were found, a line for each strategy."""
    series = []
    for name in evaluation.plan.strategies:
        cell = evaluation.cell(name, key)
        if cell is None or not cell.survival:
            continue
        points = tuple(
            Point(p.age, p.held, note=f"{name}, {p.age} turns after: {p.held:.2f} of {p.n} answers")
            for p in cell.survival
        )
        series.append(Series(name, slot_of(name, data.strategies), points, marks=len(points) <= 30))
    if not series:
        return None
    return Chart(
        id=f"survival-{key.name}",
        title=f"How long answers stay: {tasks_of(key)}",
        caption="Found answers that could still be read so many turns later, each until it was due; the longer, the "
        "fewer are followed.",
        x=Axis("turns since it was found", low=0.0),
        y=Axis("share in context", low=0.0, high=1.0),
        series=tuple(series),
    )


def memory_charts(data: RunData, evaluation: Evaluation, key: CellKey) -> list[Chart]:
    """What was in context and what of it stayed, on one set of tasks."""
    found = [make(data, evaluation, key) for make in (context_over_turns, survival_chart)]
    return [chart for chart in found if chart is not None]


def session_memory(data: RunData, evaluation: Evaluation) -> list[Chart]:
    """How long answers stay in the long session."""
    keys = dict.fromkeys(cell.key for cell in sessions(evaluation))
    return [chart for key in keys if (chart := survival_chart(data, evaluation, key)) is not None]
