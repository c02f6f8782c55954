"""Figures of marks without lines: quality against what it cost, and two results task by task."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mem1.evaluation.measures import PER_OBJECTIVE, Measure, spec_of
from mem1.evaluation.records import Cell, Metric
from mem1.report.figures.plots import SLOTS
from mem1.report.figures.svg import Axis, Chart, Point, Series
from mem1.report.numbers import compact
from mem1.report.paper.published import published
from mem1.report.tables import tasks_of

COSTS = (Measure.PEAK_WITHOUT_PROMPT, Measure.TOKENS, Measure.SECONDS, Measure.COST)
_PUBLISHED = 6  # the colour of what others printed
_PEAK_UNIT = 100  # tokens of a published peak


@dataclass(frozen=True, slots=True)
class Costly:
    """One mark: what it is called, how many objectives, the main metric per objective, and what it cost."""

    name: str
    objectives: int
    quality: Metric
    costs: dict[str, float]


def costly(name: str, objectives: int, metrics: dict[str, Metric], scored: Sequence[str]) -> Costly | None:
    """A cell as a mark; ``None`` where it has no score."""
    quality = metrics.get(f"{scored[0]}{PER_OBJECTIVE}") if scored else None
    if quality is None:
        return None
    return Costly(name, objectives, quality, {name: metrics[name].mean for name in COSTS if name in metrics})


def quality_against(marks: Sequence[Costly], label: str, of: str = "", currency: str | None = None) -> list[Chart]:
    """Quality against peak, tokens, seconds and money: a colour for each name, a mark for each horizon.

    ``of`` begins the charts' ids.

    Where papers printed exact match beside a cost, their figures are drawn too, hollow; they print no money and no
    tokens.
    """
    charts = []
    names = list(dict.fromkeys(one.name for one in marks))
    for cost in COSTS:
        series = [
            Series(name, k % SLOTS, points, dashed=k >= SLOTS, line=False)
            for k, name in enumerate(names)
            if (points := tuple(_points((one for one in marks if one.name == name), cost)))
        ]
        if not series:
            continue
        printed = tuple(_printed(cost)) if label == spec_of(f"em{PER_OBJECTIVE}").label else ()
        if printed:
            series.append(Series("published", _PUBLISHED, printed, dashed=True, line=False))
        spec = spec_of(cost)
        unit = (currency or "money") if cost == Measure.COST else spec.unit
        charts.append(
            Chart(
                id=f"{of}quality-{cost}",
                title=f"{label} against {spec.label[0].lower()}{spec.label[1:]}",
                caption="Each mark is a horizon, its number of objectives beside it. Up and to the left is better."
                + (" Hollow: as printed in papers, of other models, tasks and machines." if printed else ""),
                x=Axis(f"{spec.label} of an episode, {unit}", log2=True),
                y=Axis(label, low=0.0, high=1.0),
                series=tuple(series),
            )
        )
    return charts


def paired_scatter(left: Cell, right: Cell, names: tuple[str, str], measure: str) -> Chart | None:
    """The same tasks under two policies or strategies, a mark for each pair of values, on the diagonal where equal.

    Marks say how many tasks they stand for. ``None`` where no task has both values.
    """
    theirs = right.by_task(measure)
    pairs = Counter(
        (round(value, 6), round(other, 6))
        for task, value in left.by_task(measure).items()
        if value is not None and (other := theirs.get(task)) is not None
    )
    if not pairs:
        return None
    better = sum(count for (x, y), count in pairs.items() if y > x)
    worse = sum(count for (x, y), count in pairs.items() if y < x)
    top = max(value for pair in pairs for value in pair) or 1.0
    low = min(0.0, *(value for pair in pairs for value in pair))
    points = tuple(
        Point(x, y, note=f"{_tasks(count)}: {x:g} and {y:g}", label=str(count) if count > 1 else "", weight=count)
        for (x, y), count in sorted(pairs.items())
    )
    equal = Series("equal", _PUBLISHED, (Point(low, low), Point(top, top)), dashed=True, marks=False)
    label = spec_of(measure).label
    return Chart(
        id=f"paired-{left.key.name}-{measure}",
        title=f"{label}, task by task: {tasks_of(left.key)}",
        caption=f"{names[1]} is better on {better} of {_tasks(pairs.total())}, worse on {worse}, equal on "
        f"{pairs.total() - better - worse}. A mark's number: how many tasks it stands for.",
        x=Axis(f"{label}, {names[0]}", low=low, high=top),
        y=Axis(f"{label}, {names[1]}", low=low, high=top),
        series=(equal, Series("", 0, points, line=False)),
        names_at_points=True,
    )


def _points(marks: Iterable[Costly], cost: str) -> Iterable[Point]:
    for one in sorted(marks, key=lambda one: one.objectives):
        value = one.costs.get(cost, 0.0)
        if value > 0:
            note = f"{one.name}, {one.objectives} objectives: {one.quality.mean:.2f} at {_amount(value)}"
            yield Point(value, one.quality.mean, note=note, label=str(one.objectives))


def _printed(cost: str) -> Iterable[Point]:
    """What papers print of a cost: peaks in hundreds of tokens and seconds, at so many objectives."""
    for row in published().multi_objective:
        for objectives, figures in sorted(row.at.items()):
            value = {
                Measure.PEAK_WITHOUT_PROMPT: figures.peak and figures.peak * _PEAK_UNIT,
                Measure.SECONDS: figures.seconds,
            }.get(Measure(cost))
            if value and figures.em is not None:
                note = f"{row.system}, {published().cite(row.source)}, {objectives} objectives: "
                note += f"{figures.em / objectives:.2f} at {_amount(value)}"
                yield Point(value, figures.em / objectives, note=note)


def _amount(value: float) -> str:
    return compact(value) if value >= 100 else f"{value:.3g}"


def _tasks(count: int) -> str:
    return f"{count} task" + ("" if count == 1 else "s")
