"""Figures of a run of the shipped parallel policy beside policies of other memories and published systems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from mem1.evaluation.measures import PER_OBJECTIVE, Measure
from mem1.evaluation.records import Evaluation
from mem1.report.beside.recorded import BASE, TaughtAlike, taught_alike
from mem1.report.data import RunData
from mem1.report.figures.plots import MEMORY, over_horizons, quality_looks, slot_of
from mem1.report.figures.svg import Axis, Chart, Point, Series
from mem1.report.numbers import number
from mem1.report.paper.published import published


def recorded_for(data: RunData) -> TaughtAlike | None:
    """The recorded policies, where the run's last evaluation is of the policy they stand beside, on their tasks."""
    found, last = taught_alike(), data.last
    if last is None or last.policy.model != found.beside or data.main_strategy in found.memories:
        return None
    return found if _kept_by(last, data.main_strategy, found) else None


def beside_charts(data: RunData) -> list[Chart]:
    """EM and peak over the horizon, and the share of the score at two objectives that is kept; empty if nothing is."""
    found, last = recorded_for(data), data.last
    if found is None or last is None:
        return []
    charts = []
    for look in (quality_looks(last)[0], MEMORY[0]):
        own = over_horizons(data, last, found.composition, look)
        if own is None:
            continue
        # What the run measured under a memory of the same name, without being taught for it, has its own figure.
        series = [one for one in own.series if one.name not in found.memories]
        scores = look != MEMORY[0]
        series += [_scored(data, found, memory, scores=scores) for memory in found.memories]
        named = f"{own.caption} {_listed(found.memories)}: recorded, each taught for its memory."
        charts.append(replace(own, id=f"beside-{look.measure}", caption=named, series=tuple(series)))
    return [*charts, _retention(data, last, found)]


def footing(data: RunData) -> str:
    """What has to be known of the recorded and the published lines, a line each; empty where there are none."""
    found = recorded_for(data)
    if found is None:
        return ""
    seeds = sorted({len(found.of(memory)) for memory in found.memories})
    counted = "one seed each" if seeds == [1] else f"{'-'.join(map(str, seeds))} seeds each"
    return (
        f"{_listed(found.memories)}: policies taught for these memories with {found.lessons}; recorded, {counted}.\n"
        "Published systems (dashed): other data, models and training, as their authors print them."
    )


def _listed(names: Sequence[str]) -> str:
    *some, last = names
    return f"{', '.join(some)} and {last}" if some else last


def _scored(data: RunData, found: TaughtAlike, memory: str, *, scores: bool) -> Series:
    points = []
    for n, one in found.scores(memory).items():
        told = f"EM {one.mean:.2f} ({one.low:.2f} … {one.high:.2f})" if scores else f"{number(one.peak, 0)} tokens"
        note = f"{memory}, recorded, {n} objectives: {told}, n = {one.n}"
        # No bands: four of them over each other could not be told apart. The table has the intervals.
        points.append(Point(n, one.mean if scores else one.peak, note=note))
    return Series(memory, _slot(data, found, memory), tuple(points))


def _retention(data: RunData, last: Evaluation, found: TaughtAlike) -> Chart:
    main = data.main_strategy
    series = [Series(f"{main}: this run", _slot(data, found, main), _kept_by(last, main, found))]
    for memory in found.memories:
        points = tuple(_kept(memory, n, share) for n, share in found.kept(memory).items())
        series.append(Series(f"{memory}: taught for it", _slot(data, found, memory), points))
    for label, metric, shares in _printed():
        points = tuple(_kept(f"{label}, {metric}", n, share) for n, share in shares.items())
        name = f"{label}: {metric}, other data"
        series.append(Series(name, _slot(data, found, label), points, dashed=True))
    return Chart(
        id="beside-retention",
        title=f"Share of the score at {BASE} objectives that is kept",
        caption=f"The score an objective over that at {BASE}, EM unless said; the band: the run's interval over tasks. "
        "Dashed: published systems of 7B and 30B, on other data.",
        x=Axis("objectives in the task", log2=True),
        y=Axis("share kept", low=0.0),
        series=tuple(series),
        wide=True,
    )


def _kept_by(last: Evaluation, strategy: str, found: TaughtAlike) -> tuple[Point, ...]:
    """What the run's own strategy keeps, from ``BASE`` on; empty where it was not measured there."""
    points = []
    for one in last.retention:
        ratio = one.ratio
        if (one.strategy, one.composition, one.base, one.session) != (strategy, found.composition, BASE, False):
            continue
        if ratio is not None and one.measure == f"{Measure.EM}{PER_OBJECTIVE}":
            points.append(
                Point(one.objectives, ratio.mean, ratio.low, ratio.high, _note(strategy, one.objectives, ratio.mean))
            )
    return (Point(BASE, 1.0, 1.0, 1.0, _note(strategy, BASE, 1.0)), *points) if points else ()


def _printed() -> Iterator[tuple[str, str, dict[int, float]]]:
    """Label, score and what is kept of each published system that has a line."""
    for row in published().multi_objective:
        metric, shares = row.kept(BASE)
        if row.label and shares:
            yield row.label, metric, shares


def _kept(name: str, objectives: int, share: float) -> Point:
    return Point(objectives, share, note=_note(name, objectives, share))


def _note(name: str, objectives: int, share: float) -> str:
    return f"{name}, {objectives} objectives: {100 * share:.0f} % of the score at {BASE}"


def _slot(data: RunData, found: TaughtAlike, name: str) -> int:
    """A colour for each line of all three figures."""
    return slot_of(name, (*data.strategies, *found.memories, *(label for label, _, _ in _printed())))
