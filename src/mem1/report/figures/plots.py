"""The report's figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from zlib import crc32

from mem1.evaluation.measures import PER_OBJECTIVE, Measure, spec_of
from mem1.evaluation.records import Cell, Evaluation
from mem1.report.data import RunData, horizons, sessions
from mem1.report.figures.svg import Axis, Chart, Point, Series
from mem1.report.numbers import compact, interval_of, mean_of, number
from mem1.types import Composition

SLOTS = 8
"""Colours and marks that there are."""
MAX_WINDOWS = 100
MAX_NOTES = 120

LEARNING = (
    ("reward/mean", "Reward", "mean over episodes", "reward"),
    ("quality/em", "EM per objective", "mean over objectives", "EM"),
    ("quality/success", "Success per objective", "mean over objectives", "success"),
    ("quality/answer_rate", "Answer rate", "answered objectives / objectives", "share"),
    ("episode/state_length", "State length", "tokens a state", "tokens"),
    ("episode/peak_without_prompt", "Peak less P", "mean over episodes", "tokens"),
    ("episode/turns", "Turns", "mean over episodes", "turns"),
    ("policy/entropy", "Entropy", "of the policy, over sampled tokens", "nats"),
    ("policy/kl_reference", "KL to the reference", "estimated before the update (k3)", "nats"),
    ("policy/clip_fraction", "Clip fraction", "tokens whose gradient was clipped", "share"),
    ("policy/rollout_gap", "Trainer against rollout", "mean |difference of log p| a token", "nats"),
    ("count/without_signal", "Groups without signal", "all rewards of the group equal", "groups"),
    ("policy/grad_norm", "Gradient norm", "before clipping", "norm"),
)


def slot_of(strategy: str, strategies: Sequence[str]) -> int:
    """A strategy's colour and mark: by its name, so that most reports give it the same; the next free one if taken."""
    taken: dict[int, str] = {}
    for name in dict.fromkeys((*strategies, strategy)):
        slot = crc32(name.encode()) % SLOTS
        while slot in taken and len(taken) < SLOTS:
            slot = (slot + 1) % SLOTS
        taken.setdefault(slot, name)
        if name == strategy:
            return slot
    raise AssertionError("unreachable: the strategy itself comes last")


@dataclass(frozen=True, slots=True)
class Look:
    """One measure over horizons: what the figure is called and how its axis runs."""

    measure: str
    title: str
    caption: str
    low: float | None = 0.0
    high: float | None = None
    log2: bool = False


_KNOWN = {
    look.measure: look
    for look in (
        Look(Measure.EM_PER_OBJECTIVE, "EM per objective", "share of objectives answered exactly", high=1.0),
        Look(Measure.F1_PER_OBJECTIVE, "F1 per objective", "word overlap with the accepted answers", high=1.0),
        Look(Measure.EM, "EM, summed", "exact matches a task, as the literature reports it"),
    )
}
MEMORY = (
    Look(
        Measure.PEAK_WITHOUT_PROMPT,
        "Peak context without the prompt",
        "largest prompt + completion less P. Both scales double: growth in proportion is a straight climb",
        low=None,
        log2=True,
    ),
    Look(Measure.PEAK, "Peak context with the prompt", "largest prompt + completion of any turn, on a plain scale"),
)
WORK = (
    Look(Measure.ANSWER_RATE, "Answer rate", "objectives that got an answer", high=1.0),
    Look(Measure.ACTIONS_PER_OBJECTIVE, "Actions per objective", "well-formed actions / objectives"),
    Look(Measure.EARLY_STOP, "Stopped early", "ended by the policy with fewer look-ups than objectives", high=1.0),
)


def quality_looks(evaluation: Evaluation) -> list[Look]:
    """The two main metrics per objective, and the first summed."""
    names = [*(f"{name}{PER_OBJECTIVE}" for name in evaluation.scored), *evaluation.scored[:1]]
    return [_KNOWN.get(name) or Look(name, spec_of(name).label, spec_of(name).meaning) for name in names]


def over_horizons(data: RunData, evaluation: Evaluation, composition: Composition, look: Look) -> Chart | None:
    """A measure against the number of objectives, one line a strategy; the untrained policy dashed."""
    spec = spec_of(look.measure)
    series = [
        Series(name, slot_of(name, data.strategies), points)
        for name in evaluation.plan.strategies
        if (points := _horizon_points(evaluation, name, composition, look.measure))
    ]
    pair = data.before_and_after
    if pair is not None and look in quality_looks(evaluation):
        name = data.main_strategy
        points = _horizon_points(pair[0], name, composition, look.measure)
        if points:
            series.append(Series(pair[0].label, slot_of(name, data.strategies), points, dashed=True))
    if not series:
        return None
    sizes = [len(cell.tasks) for cell in evaluation.cells if cell.composition == composition and not cell.session]
    dashed = f" Dashed: {series[-1].name}, before training." if series[-1].dashed else ""
    return Chart(
        id=f"{composition}-{look.measure}",
        title=look.title,
        caption=f"{look.caption[0].upper()}{look.caption[1:]}; {_tasks(sizes)}.{dashed}",
        x=Axis("objectives in the task", log2=True),
        y=Axis(spec.unit or spec.label, log2=look.log2, low=look.low, high=look.high),
        series=tuple(series),
    )


def frontier(data: RunData, evaluation: Evaluation, composition: Composition, look: Look) -> Chart | None:
    """Quality, as ``look`` measures it, against peak: up and to the left is better."""
    label = spec_of(look.measure).label
    series = []
    for name in evaluation.plan.strategies:
        points = []
        for key in horizons(evaluation, composition):
            cell = evaluation.cell(name, key)
            if cell is None:
                continue
            peak, quality = cell.metrics.get(Measure.PEAK_WITHOUT_PROMPT), cell.metrics.get(look.measure)
            if peak is None or quality is None or peak.mean <= 0:
                continue
            note = f"{name}, {key.objectives} objectives: {label} {quality.mean:.2f} at {compact(peak.mean)} tokens"
            points.append(Point(peak.mean, quality.mean, note=note, label=str(key.objectives)))
        if points:
            series.append(Series(name, slot_of(name, data.strategies), tuple(points)))
    if not series:
        return None
    return Chart(
        id=f"{composition}-frontier-{look.measure}",
        title=f"{look.title} against peak",
        caption="Each mark is a horizon (its number of objectives beside it). Up and to the left is better.",
        x=Axis("peak context without the prompt, tokens", log2=True),
        y=Axis(label, low=0.0, high=1.0),
        series=tuple(series),
        names_at_points=True,
    )


def session_charts(data: RunData, evaluation: Evaluation) -> list[Chart]:
    """Context and state size over the turns of the long session."""
    cells = [cell for cell in sessions(evaluation) if cell.trace]
    if not cells:
        return []
    objectives = cells[0].objectives
    n = max(cell.episodes for cell in cells)
    context = Chart(
        id="session-peak",
        title=f"Context, session of {objectives}",
        caption=f"Prompt + completion less P, mean over the episodes still running (n = {n} at the start)."
        + _windows(cells, " Line: the largest of each {} turns; band: their range."),
        x=Axis("turn", low=0.0),
        y=Axis("tokens", low=0.0),
        series=tuple(_trace(data, cell, "peak") for cell in cells),
    )
    state = Chart(
        id="session-state",
        title="State written at each turn",
        caption="Tokens of the state block, mean over the episodes still running."
        + _windows(cells, " Line: mean of each {} turns; band: their range."),
        x=Axis("turn", low=0.0),
        y=Axis("tokens", low=0.0),
        series=tuple(_trace(data, cell, "state") for cell in cells),
    )
    return [context, state]


def learning_curves(data: RunData) -> list[Chart]:
    """Training metrics against steps; with more than 30 steps a running mean over the raw line."""
    charts = []
    measured = sorted({name for row in data.metrics for name in row if name.startswith("evaluation/")})
    extra = tuple((name, f"Evaluated: {name[11:]}", "measured between steps", name[11:]) for name in measured)
    for name, title, caption, unit in (*LEARNING[:2], *extra, *LEARNING[2:]):
        raw = [(float(row["step"]), float(row[name])) for row in data.metrics if isinstance(row.get(name), int | float)]
        if not raw:
            continue
        every = math.ceil(len(raw) / MAX_NOTES)  # tooltips only; every point is drawn
        points = tuple(
            Point(x, y, note="" if k % every else f"step {x:g}: {y:.4g} {unit}") for k, (x, y) in enumerate(raw)
        )
        series = [Series("", 0, points, marks=len(points) <= 30)]
        if len(raw) > 30:
            window = max(5, len(raw) // 20)
            smooth = tuple(Point(x, y) for x, y in running_mean(raw, window))
            series = [Series("", 6, points, marks=False, faint=True), Series("", 0, smooth, marks=False)]
            caption = f"{caption}; strong line: mean of the last {window} steps"
        low = 0.0 if min(y for _, y in raw) >= 0 else None
        charts.append(
            Chart(
                f"learning-{name}",
                title,
                f"{caption[0].upper()}{caption[1:]}.",
                Axis("step"),
                Axis(unit, low=low),
                tuple(series),
            )
        )
    return charts


def running_mean(points: Sequence[tuple[float, float]], window: int) -> list[tuple[float, float]]:
    """Mean of the last ``window`` values at each point (fewer at the start)."""
    found = []
    for k in range(len(points)):
        part = [y for _, y in points[max(0, k + 1 - window) : k + 1]]
        found.append((points[k][0], math.fsum(part) / len(part)))
    return found


def _horizon_points(evaluation: Evaluation, strategy: str, composition: Composition, measure: str) -> tuple[Point, ...]:
    points = []
    for key in horizons(evaluation, composition):
        cell = evaluation.cell(strategy, key)
        metric = cell.metrics.get(measure) if cell else None
        if metric is None:
            continue
        interval = interval_of(measure, metric)
        note = f"{strategy}, {evaluation.label}, {key.objectives} objectives: {mean_of(measure, metric)}"
        note += f" {spec_of(measure).unit}".rstrip() + (f" ({interval})" if interval else "") + f", n = {metric.n}"
        points.append(Point(key.objectives, metric.mean, metric.low, metric.high, note))
    return tuple(points)


def _tasks(sizes: Sequence[int]) -> str:
    """How many tasks a point rests on."""
    least, most = min(sizes), max(sizes)
    return f"n\u00a0=\u00a0{most} tasks a point" if least == most else f"n\u00a0=\u00a0{least} to {most} tasks a point"


def _trace(data: RunData, cell: Cell, what: Literal["peak", "state"]) -> Series:
    """A line over turns. Many turns are drawn in windows: the band is a window's range, the line its largest
    context or its mean state. (Every k-th turn alone could show, say, only the turns that search.)"""
    peak = what == "peak"
    values = [point.peak_without_prompt if peak else point.state_length for point in cell.trace]
    width = max(1, math.ceil(len(values) / MAX_WINDOWS))
    points = []
    for start in range(0, len(values), width):
        some, end = values[start : start + width], min(start + width, len(values))
        y = max(some) if peak else math.fsum(some) / len(some)
        turns = f"turn {end}" if width == 1 else f"turns {start + 1}-{end}"
        note = f"{cell.strategy}, {turns}: {number(y, 0)} tokens, {cell.trace[end - 1].n} episodes"
        low, high = (min(some), max(some)) if width > 1 else (None, None)
        points.append(Point(end, y, low, high, note))
    return Series(cell.strategy, slot_of(cell.strategy, data.strategies), tuple(points), marks=False)


def _windows(cells: Sequence[Cell], words: str) -> str:
    width = math.ceil(max(len(cell.trace) for cell in cells) / MAX_WINDOWS)
    return words.format(width) if width > 1 else ""
