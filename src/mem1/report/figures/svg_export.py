"""The headline charts as one SVG file, for a README: a picture that follows the reader's light or dark."""

from __future__ import annotations

from html import escape
from pathlib import Path

from mem1.errors import DataError
from mem1.report.beside.charts import beside_charts, footing
from mem1.report.data import RunData, compositions, read_run
from mem1.report.figures.facts import FactMap, draw_map, map_size
from mem1.report.figures.plots import MEMORY, learning_curves, over_horizons, quality_looks, session_charts
from mem1.report.figures.style import chart_style
from mem1.report.figures.svg import GAP, HEIGHT, Chart, draw
from mem1.storage.atomic import write_atomic

_HEAD, _MARGIN, _LINE = 58, 22, 18


def write_picture(run_dir: Path, path: Path, *, title: str = "") -> Path:
    """Draw the run's headline charts to ``path``. Raises ``DataError`` if the run has nothing to draw."""
    data = read_run(run_dir)
    charts = headline_charts(data)
    if not charts:
        raise DataError(
            "nothing to draw: the run holds neither evaluations nor metrics",
            where=str(run_dir),
            hint="train or evaluate first",
        )
    write_atomic(path, picture(charts, title, _basis(data)).encode())
    return path


def headline_charts(data: RunData) -> list[Chart]:
    """Quality over the horizon, memory over the horizon, and the long session; else learning curves.

    Where policies taught alike are recorded, beside those, and what is kept over the horizon beside published systems.
    """
    beside = beside_charts(data)
    if beside:
        return beside
    charts: list[Chart | None] = []
    if data.last is not None:
        for composition in compositions(data.last)[:1]:
            charts += [
                over_horizons(data, data.last, composition, look) for look in (*quality_looks(data.last)[:1], MEMORY[0])
            ]
        charts += session_charts(data, data.last)[:1]
    found = [chart for chart in charts if chart is not None]
    return found or learning_curves(data)[:3]


def picture(charts: list[Chart], title: str, note: str = "") -> str:
    """``charts`` side by side, wide ones below in rows of their own, as one standalone SVG; ``note`` at the bottom."""
    narrow = [chart for chart in charts if not chart.wide]
    rows = [*([narrow] if narrow else []), *([chart] for chart in charts if chart.wide)]
    width = max(sum(chart.width for chart in row) + (len(row) - 1) * GAP for row in rows) + 2 * _MARGIN
    head = 30 if title else 0
    notes = note.splitlines()
    height = head + len(rows) * (_HEAD + HEIGHT) + _MARGIN + (_LINE * len(notes) - 4 if notes else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="{escape(title or "Results")}">',
        f"<style>{chart_style()}{_OWN}</style>",
        f'<rect class="sheet" width="{width}" height="{height}" rx="10"/>',
    ]
    if title:
        parts.append(f'<text class="title" x="{_MARGIN}" y="36">{escape(title)}</text>')
    for k, row in enumerate(rows):
        top, x = head + _HEAD + k * (_HEAD + HEIGHT), _MARGIN
        for chart in row:
            parts.append(f'<text class="head" x="{x}" y="{top - 22}">{escape(chart.title)}</text>')
            parts.append(draw(chart, nested=f' x="{x}" y="{top - 10}" width="{chart.width}" height="{HEIGHT}"'))
            x += chart.width + GAP
    for k, line in enumerate(reversed(notes)):
        parts.append(f'<text x="{_MARGIN}" y="{height - 16 - k * _LINE}">{escape(line)}</text>')
    return "".join(parts) + "</svg>\n"


def standalone(figure: Chart | FactMap) -> str:
    """One figure as a standalone SVG, with its title."""
    if isinstance(figure, Chart):
        return picture([figure], "")
    wide, tall = map_size(figure)
    width, height = wide + 2 * _MARGIN, tall + _HEAD + _MARGIN
    inside = draw_map(figure, nested=f' x="{_MARGIN}" y="{_HEAD}" width="{wide}" height="{tall}"')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" aria-label="{escape(figure.title)}"><style>{chart_style()}{_OWN}</style>'
        f'<rect class="sheet" width="{width}" height="{height}" rx="10"/>'
        f'<text class="head" x="{_MARGIN}" y="36">{escape(figure.title)}</text>{inside}</svg>\n'
    )


def _basis(data: RunData) -> str:
    if data.last is None:
        return ""
    sizes = {len(cell.tasks) for cell in data.last.cells if not cell.session}
    n = f"n = {min(sizes)}" if len(sizes) == 1 else f"n = {min(sizes)} to {max(sizes)}" if sizes else "no"
    bands = f"Bands: {data.last.plan.confidence * 100:g} % bootstrap intervals, {n} tasks a point."
    return f"{bands}\n{footing(data)}".rstrip()


_OWN = """
svg.chart .sheet{fill:var(--paper)}
svg.chart text.title{fill:var(--ink);font-size:18px;font-weight:650}
svg.chart text.head{fill:var(--ink);font-size:15px;font-weight:650}
"""
