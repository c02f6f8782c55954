"""The style sheets: of pages that stand alone, and of charts outside a page."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def page_style() -> str:
    """The style sheet of pages: the charts' and the text's."""
    return chart_style() + _read("page.css")


@cache
def chart_style() -> str:
    """The style sheet of charts alone, for a picture outside a page."""
    return _read("chart.css")


def _read(name: str) -> str:
    return resources.files("mem1.report").joinpath("templates", name).read_text(encoding="utf-8")
