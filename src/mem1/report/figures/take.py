"""A figure as files to take away: the picture as SVG, its numbers as CSV and JSON, each as a ``data:`` address.

They stand in the page itself, so that a report stays one file and nothing is fetched from anywhere.
"""

from __future__ import annotations

import base64
import csv
import dataclasses
import io
import json
import re
from collections.abc import Iterator

from pydantic import BaseModel

from mem1.report.figures.facts import FactMap
from mem1.report.figures.svg import Chart
from mem1.report.figures.svg_export import standalone
from mem1.text import spelled_out


def downloads(figure: Chart | FactMap) -> Iterator[tuple[str, str, str]]:
    """Kind, file name and address of each file."""
    name = re.sub(r"[^\w.-]+", "-", figure.id)[:80].strip("-") or "figure"
    yield "SVG", f"{name}.svg", _address("image/svg+xml", standalone(figure))
    yield "CSV", f"{name}.csv", _address("text/csv", as_csv(figure))
    numbers = json.dumps(dataclasses.asdict(figure), default=_plain, indent=1)
    yield "JSON", f"{name}.json", _address("application/json", numbers)


def as_csv(figure: Chart | FactMap) -> str:
    """A line for each mark of a chart, or for each turn of each objective of a map."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if isinstance(figure, FactMap):
        writer.writerow(("objective", "turn", "standing", "found", "due", "fate"))
        for one in figure.histories:
            for turn, standing in enumerate(one.turns, start=1):
                found = "" if one.found is None else one.found + 1
                writer.writerow((one.objective + 1, turn, standing.value, found, one.due + 1, one.fate.value))
        return file.getvalue()
    writer.writerow(("line", figure.x.label, figure.y.label, "low", "high", "stands for"))
    for series in figure.series:
        for p in series.points:
            writer.writerow((no_formula(spelled_out(series.name)), p.x, p.y, p.low, p.high, p.weight))
    return file.getvalue()


def no_formula(text: str) -> str:
    """``text`` with a quote in front where a spreadsheet would take it for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def _plain(record: BaseModel) -> object:
    return record.model_dump(mode="json")


def _address(kind: str, text: str) -> str:
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode(errors='replace')).decode()}"
