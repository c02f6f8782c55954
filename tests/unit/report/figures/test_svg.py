"""Charts: scales, ticks and label places worked out by hand; texts cannot become markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.report.figures.svg import Axis, Chart, Point, Series, draw, nice_ticks, spread


def chart(*series: Series, log2: bool = False) -> Chart:
    """A chart of ``series``."""
    return Chart("c", "A title", "A caption", Axis("x", log2=log2), Axis("y", low=0.0), series)


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0, 1, (0, 0.2, 0.4, 0.6, 0.8, 1)),
        (0, 7, (0, 2, 4, 6, 8)),
        (-1, 1, (-1, -0.5, 0, 0.5, 1)),
        (3, 3, (3,)),
    ],
)
def test_ticks_are_round(low: float, high: float, ticks: tuple[float, ...]) -> None:
    assert nice_ticks(low, high) == ticks


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_cover_the_range(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    assert ticks[0] <= low + span * 1e-6
    assert ticks[-1] >= low + span * (1 - 1e-6)
    assert len(ticks) <= 8


def test_labels_are_moved_apart_in_order() -> None:
    assert spread([50, 52, 90], 10, 0, 100) == [50, 60, 90]
    assert spread([98, 99], 10, 0, 100) == [90, 100]


def test_horizons_are_evenly_spaced_on_a_log_axis() -> None:
    points = tuple(Point(x, 1.0, note="n") for x in (1, 2, 4, 8))
    root = ET.fromstring(draw(chart(Series("a", 0, points), log2=True)))
    places = [float(c.attrib["cx"]) for c in root.iter("circle") if c.attrib["class"] == "hit"]
    steps = [round(b - a, 0) for a, b in pairwise(places)]
    assert steps[0] == steps[1] == steps[2] > 0


def test_ticks_in_quarters_are_written_as_quarters() -> None:
    one = Series("a", 0, (Point(0, 0.3), Point(1, 1.1)))
    root = ET.fromstring(draw(chart(one)))
    ticks = [tick.text for tick in root.iter("text") if tick.attrib["class"] == "tick end"]
    assert ticks == ["0.00", "0.25", "0.50", "0.75", "1.00", "1.25"]


def test_higher_values_are_higher_up() -> None:
    root = ET.fromstring(draw(chart(Series("a", 0, (Point(0, 1, note="n"), Point(1, 2, note="n"))))))
    first, second = (float(c.attrib["cy"]) for c in root.iter("circle") if c.attrib["class"] == "hit")
    assert second < first


def test_hostile_names_stay_text() -> None:
    hostile = "</text><script>x</script>&\"'"
    root = ET.fromstring(draw(chart(Series("<b>", 0, (Point(0, 1, 0.5, 1.5, hostile, hostile), Point(1, 1))))))
    assert {one.tag for one in root.iter()} <= {"svg", "line", "text", "polygon", "polyline", "circle", "title"}
    assert hostile in [one.text for one in root.iter("title")]


@given(st.lists(st.tuples(st.floats(0, 1e9), st.floats(0, 1e9)), max_size=5))
@settings(deadline=None)
def test_any_points_make_a_well_formed_picture(points: list[tuple[float, float]]) -> None:
    ET.fromstring(draw(chart(Series("a", 0, tuple(Point(x, y) for x, y in points)))))


def x_ticks(*xs: float, log2: bool = False) -> list[str]:
    points = tuple(Point(x, 0.5) for x in xs)
    drawn = draw(Chart("c", "t", "", Axis("x", log2=log2), Axis("y"), (Series("a", 0, points),)))
    return re.findall(r'<text class="tick mid"[^>]*>([^<]*)</text>', drawn)


def test_there_is_no_half_step() -> None:
    assert x_ticks(1, 2, 3) == ["1", "2", "3"]
    assert x_ticks(1, 1.5, 3) == ["1.0", "1.5", "2.0", "2.5", "3.0"]


def test_a_range_too_narrow_for_powers_of_two_has_other_round_numbers() -> None:
    assert x_ticks(187, 284, log2=True) == ["200", "250"]
    assert x_ticks(100, 600, log2=True) == ["128", "256", "512"]


def test_a_label_covers_no_other_mark_and_no_name() -> None:
    points = (Point(0, 0.5, label="first"), Point(0.05, 0.55, label="beside"), Point(10, 0.5, label="last"))
    drawn = draw(Chart("c", "t", "", Axis("x"), Axis("y", low=0, high=1), (Series("a", 0, points),)))
    labels = {text: (kind, float(x)) for kind, x, text in re.findall(
        r'<text class="s0 small( end)?" x="([\d.]+)" y="[\d.]+">(\w+)</text>', drawn
    )}  # fmt: skip
    marks = [float(x) for x in re.findall(r'<circle class="s0 mark" cx="([\d.]+)"', drawn)]
    assert labels["last"] == (" end", round(marks[2] - 6, 1)), "right of it stands the name of the line"
    assert drawn.index(">first<") > drawn.rindex("mark"), "labels are in front"
