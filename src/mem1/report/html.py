"""The report as one HTML file: no script, no request to anywhere, whatever an observation says."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mem1.evaluation.measures import spec_of
from mem1.report.document import Document
from mem1.report.figures.facts import draw_map
from mem1.report.figures.style import page_style
from mem1.report.figures.svg import Chart, draw
from mem1.report.figures.take import downloads
from mem1.report.fitting import LONG, fitted, too_wide
from mem1.report.tables import chart_table, map_table
from mem1.text import spelled_out

# The page may hold style and nothing else that a browser would run or fetch.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def to_html(document: Document) -> str:
    """The whole page."""
    return render("report.html", document=document, policy=POLICY)


def render(template: str, **values: object) -> str:
    """A template with the style sheet inlined. Everything but our own SVG is escaped."""
    return environment().get_template(template).render(style=Markup(page_style()), **values)


@cache
def environment() -> Environment:
    """Templates with autoescape on; a missing value is an error."""
    made = Environment(
        loader=PackageLoader("mem1.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["svg"] = _svg
    made.filters["label"] = lambda name: spec_of(name).label
    made.filters["chart_table"] = chart_table
    made.filters["svg_map"] = lambda one: Markup(draw_map(one))  # draw_map() escapes likewise
    made.filters["map_table"] = map_table
    made.filters["downloads"] = downloads
    made.filters["fitted"] = fitted
    made.filters["too_wide"] = too_wide
    made.globals["long"] = LONG
    return made


def visible(value: object) -> object:
    """Text with the characters spelled out that would hide, reorder or break what stands around them."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return spelled_out(value)


def _svg(chart: Chart) -> Markup:
    return Markup(draw(chart))  # draw() escapes every text it is given
