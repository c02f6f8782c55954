"""Line charts as plain SVG: no script, no outside file, styled by the page's own style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from mem1.report.numbers import compact, number

WIDTH, HEIGHT, GAP = 380, 268, 28
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 84, 36, 44
_WIDE_RIGHT = 240  # room for long names
_LABEL_GAP = 15
_LABEL_ROOM = 10  # pixels around the middle of a mark's label
_LARGEST = 3.0  # times the usual size of a mark
_CHARACTER = 7.4  # pixels of one in a name; what does not fit is cut, captions and tooltips have the whole name
_FAR = 24  # pixels from a line's end to its name, from which on a thin line leads there


@dataclass(frozen=True, slots=True)
class Point:
    """One mark: its place, its interval, the words of its tooltip, a label drawn beside it, how many it stands for."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None
    note: str = ""
    label: str = ""
    weight: int = 1


@dataclass(frozen=True, slots=True)
class Series:
    """Points joined by a line, if ``line``. ``slot`` 0-7 picks the colour and the shape of the marks."""

    name: str
    slot: int
    points: tuple[Point, ...]
    dashed: bool = False
    marks: bool = True
    faint: bool = False
    line: bool = True


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale. On ``log2`` axes each power of two is a tick and zero cannot be shown."""

    label: str
    log2: bool = False
    low: float | None = None
    high: float | None = None
    decimals: int | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure: what it shows in one line, and how to read it below.

    The lines' names stand in a column at the right edge, or with ``names_at_points`` at their last
    marks (for lines that do not run from left to right). A ``wide`` one takes the room of two and has long names.
    """

    id: str
    title: str
    caption: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    names_at_points: bool = False
    wide: bool = False

    @property
    def width(self) -> int:
        """Pixels across."""
        return 2 * WIDTH + GAP if self.wide else WIDTH

    @property
    def right(self) -> int:
        """The pixel where the plot ends and the names begin."""
        return self.width - (_WIDE_RIGHT if self.wide else _RIGHT)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps an axis onto pixels, with its ticks."""

    axis: Axis
    low: float
    high: float
    ticks: tuple[float, ...]
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of ``value``."""
        span = self._place(self.high) - self._place(self.low)
        share = (self._place(value) - self._place(self.low)) / span if span else 0.5
        return self.start + share * (self.end - self.start)

    def _place(self, value: float) -> float:
        return math.log2(value) if self.axis.log2 else value

    def text(self, tick: float) -> str:
        """A tick's label."""
        if self.axis.decimals is not None:
            return number(tick, self.axis.decimals)
        step = min((b - a for a, b in zip(self.ticks, self.ticks[1:], strict=False)), default=1.0)
        if all(float(t).is_integer() for t in self.ticks):
            return compact(tick).replace(".0", "").replace(".00", "")
        decimals = max(0, math.ceil(-math.log10(step) - 1e-9))
        quarters = any(abs(t - round(t, decimals)) > step / 100 for t in self.ticks)  # 0.25 is not 0.2
        return number(tick, decimals + quarters)


def draw(chart: Chart, *, nested: str = "") -> str:
    """The chart as an ``<svg>`` element. ``nested`` adds attributes such as its place in a larger picture."""
    x, y = _scales(chart)
    parts = [
        f'<svg class="chart" viewBox="0 0 {chart.width} {HEIGHT}" role="img" '
        f'aria-label="{escape(chart.title + ". " + chart.caption)}"{nested}>',
        _frame(chart, x, y),
    ]
    parts += [_band(one, x, y) for one in chart.series]
    parts += [_line(one, x, y) for one in chart.series]
    marked = [(x(p.x), y(p.y)) for one in chart.series if one.marks for p in one.points]
    written: list[tuple[float, float]] = []
    parts += [_marks(one, x, y, marked, written, chart.right) for one in chart.series]
    parts.append(_names_at_points(chart.series, x, y) if chart.names_at_points else _names(chart, x, y))
    parts.append("</svg>")
    return "".join(parts)


_LEAST = 1e-300  # spans below it are no span: their ticks could not be told apart


def nice_ticks(low: float, high: float, count: int = 5) -> tuple[float, ...]:
    """Round numbers (1, 2, 2.5 or 5 times a power of ten) that cover ``low`` to ``high``."""
    span = high - low
    if span < _LEAST or not math.isfinite(span):
        return (low,)
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    digits = max(0, 2 - math.floor(math.log10(step)))  # enough to tell the ticks apart, whatever their size
    return tuple(round(k * step, digits) for k in range(first, last + 1))


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near ``wanted``, in the same order, at least ``gap`` apart and inside ``low`` .. ``high``."""
    order = sorted(range(len(wanted)), key=lambda k: wanted[k])
    placed = [0.0] * len(wanted)
    floor = low
    for k in order:
        placed[k] = max(wanted[k], floor)
        floor = placed[k] + gap
    ceiling = high
    for k in reversed(order):
        placed[k] = min(placed[k], ceiling)
        ceiling = placed[k] - gap
    return placed


def _scales(chart: Chart) -> tuple[Scale, Scale]:
    points = [point for one in chart.series for point in one.points]
    ys = [value for p in points for value in (p.y, p.low, p.high) if value is not None]
    x = _scale(chart.x, [p.x for p in points], _LEFT + 8, chart.right - 6, tight=True)
    return x, _scale(chart.y, ys, HEIGHT - _BOTTOM, _TOP, tight=False)


def _scale(axis: Axis, values: list[float], start: float, end: float, *, tight: bool) -> Scale:
    low = min(values, default=0.0) if axis.low is None else axis.low
    high = max(values, default=1.0) if axis.high is None else axis.high
    if axis.log2:
        ticks = tuple(2.0**k for k in range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1))
        while len(ticks) > (9 if high < 10_000 else 5):  # large numbers take more room
            ticks = ticks[::2]
        if tight:
            inside = [t for t in ticks if low <= t <= high]
            if len(inside) < 2:  # too narrow for powers of two
                inside = [t for t in nice_ticks(low, high, 3) if low <= t <= high] or inside
            return Scale(axis, low, high, tuple(inside) or ticks[:1], start, end)
        return Scale(axis, min(low, ticks[0]), max(high, ticks[-1]), ticks, start, end)
    if low == high:
        low, high = low - (0.5 if low else 0.0), high + (0.5 if high else 1.0)
    ticks = nice_ticks(low, high)
    if tight:
        counted = all(float(value).is_integer() for value in values)  # there is no half step
        kept = tuple(t for t in ticks if low <= t <= high and (t.is_integer() or not counted))
        return Scale(axis, low, high, kept or ticks[:1], start, end)
    return Scale(axis, ticks[0], ticks[-1], ticks, start, end)


def _frame(chart: Chart, x: Scale, y: Scale) -> str:
    bottom, right = HEIGHT - _BOTTOM, chart.right
    parts = []
    for tick in y.ticks:
        at = y(tick)
        kind = "axis" if at == bottom else "grid"
        parts.append(f'<line class="{kind}" x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>')
        parts.append(f'<text class="tick end" x="{_LEFT - 7}" y="{at + 4:.1f}">{y.text(tick)}</text>')
    for tick in x.ticks:
        at = x(tick)
        parts.append(f'<line class="axis" x1="{at:.1f}" x2="{at:.1f}" y1="{bottom}" y2="{bottom + 4}"/>')
        parts.append(f'<text class="tick mid" x="{at:.1f}" y="{bottom + 18}">{x.text(tick)}</text>')
    parts.append(f'<text class="label" x="4" y="14">{escape(chart.y.label)}</text>')
    parts.append(
        f'<text class="label mid" x="{(_LEFT + right) / 2:.0f}" y="{HEIGHT - 6}">{escape(chart.x.label)}</text>'
    )
    return "".join(parts)


def _band(one: Series, x: Scale, y: Scale) -> str:
    bounded = [(p.x, p.low, p.high) for p in one.points if p.low is not None and p.high is not None]
    if len(bounded) == 1:
        at, low, high = bounded[0]
        place = f'x1="{x(at):.1f}" x2="{x(at):.1f}" y1="{y(low):.1f}" y2="{y(high):.1f}"'
        return f'<line class="s{one.slot} whisker" {place}/>'
    if not bounded:
        return ""
    above = [f"{x(at):.1f},{y(high):.1f}" for at, _, high in bounded]
    below = [f"{x(at):.1f},{y(low):.1f}" for at, low, _ in reversed(bounded)]
    return f'<polygon class="s{one.slot} band" points="{" ".join(above + below)}"/>'


def _line(one: Series, x: Scale, y: Scale) -> str:
    path = " ".join(f"{x(p.x):.1f},{y(p.y):.1f}" for p in one.points)
    look = (" dashed" if one.dashed else "") + (" faint" if one.faint else "")
    return f'<polyline class="s{one.slot} line{look}" points="{path}"/>' if one.line and len(one.points) > 1 else ""


def _marks(
    one: Series,
    x: Scale,
    y: Scale,
    marked: Sequence[tuple[float, float]],
    written: list[tuple[float, float]],
    right: int,
) -> str:
    """A line's marks and their labels; ``marked`` are all marks of the chart, ``written`` the labels so far."""
    parts, labels = [], []  # labels stand in front
    for p in one.points:
        cx, cy = x(p.x), y(p.y)
        if one.marks or len(one.points) == 1:
            parts.append(_mark(one, cx, cy, min(_LARGEST, p.weight**0.25)))
        if p.label and (beside := _free((cx, cy), marked, written, right)) is not None:
            left, lower = beside[0] < cx, beside[1] + 4
            labels.append(
                f'<text class="s{one.slot} small{" end" if left else ""}" x="{cx + (-6 if left else 6):.1f}" '
                f'y="{lower:.1f}">{escape(p.label)}</text>'
            )
            written.append(beside)
        if p.note:
            parts.append(
                f'<circle class="hit" cx="{cx:.1f}" cy="{cy:.1f}" r="9"><title>{escape(p.note)}</title></circle>'
            )
    return "".join([*parts, *labels])


def _free(
    mark: tuple[float, float],
    marks: Sequence[tuple[float, float]],
    written: Sequence[tuple[float, float]],
    end: int,
) -> tuple[float, float] | None:
    """Where the middle of a mark's label can stand, touching no mark, no other label and no name of a line."""
    for right, down in ((10, -9), (-10, -9), (10, 10), (-10, 10)):
        x, y = mark[0] + right, mark[1] + down
        inside = _LEFT < x < end
        others = (*written, *(one for one in marks if one != mark))
        if inside and all(math.dist((x, y), one) > _LABEL_ROOM for one in others):
            return x, y
    return None


def _mark(one: Series, cx: float, cy: float, size: float) -> str:
    kind = f'class="s{one.slot} mark{" hollow" if one.dashed else ""}"'
    match one.slot % 4:
        case 0:
            return f'<circle {kind} cx="{cx:.1f}" cy="{cy:.1f}" r="{3.6 * size:.3g}"/>'
        case 1:
            return f'<rect {kind} x="{cx - 3.2:.1f}" y="{cy - 3.2:.1f}" width="6.4" height="6.4"/>'
        case 2:
            return f'<path {kind} d="M{cx:.1f} {cy - 4.4:.1f}l4.2 7.4h-8.4z"/>'
        case _:
            return f'<path {kind} d="M{cx:.1f} {cy - 4.6:.1f}l4.6 4.6-4.6 4.6-4.6-4.6z"/>'


def _names(chart: Chart, x: Scale, y: Scale) -> str:
    """Each line's name at its end, moved apart where they would touch; in a wide chart a line leads to a far one."""
    named = [one for one in chart.series if one.points and one.name]
    places = spread([y(one.points[-1].y) + 4 for one in named], _LABEL_GAP, _TOP + 4, HEIGHT - _BOTTOM)
    most = int((chart.width - chart.right - 2) / _CHARACTER)
    parts = []
    for one, place in zip(named, places, strict=True):
        end, level = x(one.points[-1].x), y(one.points[-1].y)
        at = max(end + 9, chart.right + 2)
        if chart.wide and math.dist((end, level), (at, place - 4)) > _FAR:
            led = f'x1="{end + 7:.1f}" y1="{level:.1f}" x2="{at - 3:.1f}" y2="{place - 4:.1f}"'
            parts.append(f'<line class="s{one.slot} leader" {led}/>')
        parts.append(
            f'<text class="s{one.slot} name" x="{at:.1f}" y="{place:.1f}">{escape(_short(one.name, most))}</text>'
        )
    return "".join(parts)


def _short(name: str, most: int) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _names_at_points(series: Sequence[Series], x: Scale, y: Scale) -> str:
    """Each line's name under its last mark."""
    named = [one for one in series if one.points and one.name]
    wanted = [y(one.points[-1].y) + 17 for one in named]
    return "".join(
        f'<text class="s{one.slot} name" x="{x(one.points[-1].x) - 4:.1f}" y="{place:.1f}">{escape(one.name)}</text>'
        for one, place in zip(named, wanted, strict=True)
    )
