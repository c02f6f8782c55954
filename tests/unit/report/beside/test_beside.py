"""The section beside other memories: when it is there, what its figures and table hold, that its names can be read."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path

import pytest

from mem1.report.beside.charts import beside_charts
from mem1.report.beside.recorded import taught_alike
from mem1.report.beside.table import taught_table
from mem1.report.build import build_report
from mem1.report.data import read_run
from mem1.report.figures.svg import Chart, draw
from mem1.report.figures.svg_export import write_picture
from mem1.report.paper.published import published
from tests.unit.report.beside.runs import KEPT, parallel_run
from tests.unit.report.synthetic import make_run
from tests.unit.report.test_build import Page


@pytest.fixture(name="charts")
def _charts(tmp_path: Path) -> dict[str, Chart]:
    return {one.id: one for one in beside_charts(read_run(parallel_run(tmp_path).path))}


def lines(chart: Chart) -> dict[str, dict[float, float]]:
    """The points of each line by its name."""
    return {one.name: {p.x: round(p.y, 3) for p in one.points} for one in chart.series}


def test_a_report_of_the_shipped_parallel_policy_has_the_section_and_says_that_others_were_not_run(
    tmp_path: Path,
) -> None:
    paths = build_report(parallel_run(tmp_path).path)
    page, markdown = Page(paths.html.read_text(encoding="utf-8")), paths.markdown.read_text(encoding="utf-8")
    for text in (page.text, markdown.replace("\\", "")):
        assert "Beside other memories" in text
        assert "the weights are not shipped and nothing of them ran here" in text
        assert "MEM1 7B: F1, other data" in text
    assert "script" not in page.tags


@pytest.mark.parametrize("what", ["another policy", "no figure at two objectives", "no retention"])
def test_other_runs_have_no_such_section(tmp_path: Path, what: str) -> None:
    match what:
        case "another policy":
            run = parallel_run(tmp_path, model="builtin:tiny")
        case "no figure at two objectives":
            run = parallel_run(tmp_path, base=4)
        case _:
            run = make_run(tmp_path)
    assert beside_charts(read_run(run.path)) == []
    assert taught_table(read_run(run.path)) is None
    assert "Beside other memories" not in build_report(run.path).markdown.read_text(encoding="utf-8")


def test_what_is_kept_is_drawn_of_the_run_the_recorded_and_the_published(charts: dict[str, Chart]) -> None:
    found = lines(charts["beside-retention"])
    assert found["state: this run"] == {2: 1.0} | KEPT
    assert found["window: taught for it"][16] == round((0.5391 / 0.7240 + 0.6602 / 0.7865 + 0.4102 / 0.7448) / 3, 3)
    # MEM1 36 % and 9 %, BACM-RL 30B 76 % and 28 % at 16 and 32, from the printed sums.
    assert found["MEM1 7B: F1, other data"] == {2: 1.0, 8: 0.7, 16: 0.357, 32: 0.09}
    assert found["BACM-RL 30B: F1, other data"] == {2: 1.0, 8: 0.869, 16: 0.758, 32: 0.275}
    assert "MMPO 7B: EM, other data" in found
    assert len(found) == 8


def test_only_the_run_has_an_interval_and_only_published_lines_are_dashed(charts: dict[str, Chart]) -> None:
    series = charts["beside-retention"].series
    assert [one.name for one in series if one.points[-1].low is not None] == ["state: this run"]
    assert all(one.dashed == ("other data" in one.name) for one in series)
    assert len({one.slot for one in series}) == len(series)


def test_a_memory_that_the_run_evaluated_untaught_does_not_stand_under_the_name_of_the_taught(
    charts: dict[str, Chart],
) -> None:
    found = lines(charts["beside-em_per_objective"])
    assert list(found) == ["state", "warm_start", "full", "window", "summary"]
    assert found["full"] == {n: round(one.mean, 3) for n, one in taught_alike().scores("full").items()}
    peaks = lines(charts["beside-peak_without_prompt"])
    assert peaks["full"][16] == round((2683.4 + 2454.9 + 3664.9) / 3, 1)


def test_names_are_whole_apart_and_inside_the_picture(charts: dict[str, Chart]) -> None:
    chart = charts["beside-retention"]
    root = ET.fromstring(draw(chart))
    names = [one for one in root.iter("text") if one.attrib["class"].endswith(" name")]
    assert [one.text for one in names] == [one.name for one in chart.series]
    heights = sorted(float(one.attrib["y"]) for one in names)
    assert all(lower - upper >= 14.9 for upper, lower in pairwise(heights))
    assert all(float(one.attrib["x"]) + 7.4 * len(one.text or "") < chart.width for one in names)


def test_a_line_leads_from_where_a_memory_was_last_measured_to_its_name(charts: dict[str, Chart]) -> None:
    root = ET.fromstring(draw(charts["beside-retention"]))
    found = {one.attrib["class"]: one.attrib for one in root.iter("line") if one.attrib["class"].endswith(" leader")}
    short = {f"s{one.slot} leader" for one in charts["beside-retention"].series if one.points[-1].x < 32}
    assert short
    assert short <= set(found)
    for name in set(found) - short:  # measured to the end, and its name had to make room for others
        assert abs(float(found[name]["y2"]) - float(found[name]["y1"])) > 10


def test_the_picture_has_two_figures_above_and_the_wide_one_below(tmp_path: Path) -> None:
    text = write_picture(parallel_run(tmp_path).path, tmp_path / "demo.svg", title="A title").read_text()
    root = ET.fromstring(text)
    inner = [one for one in root if one.tag.endswith("svg")]
    places = [(int(one.attrib["x"]), int(one.attrib["y"]), int(one.attrib["width"])) for one in inner]
    assert places[0][1] == places[1][1] < places[2][1]
    assert places[1][0] == places[0][0] + places[0][2] + 28
    assert places[2][0] == places[0][0]
    assert all(x + width <= int(root.attrib["width"]) for x, _, width in places)
    assert places[2][1] + 268 < int(root.attrib["height"])
    said = re.sub(r"<[^>]+>", "\n", text)
    assert "full, window and summary: policies taught for these memories" in said
    assert "3 seeds each" in said
    assert "Published systems (dashed): other data" in said


def test_the_table_has_tasks_seeds_and_lessons_of_each_memory(tmp_path: Path) -> None:
    table = taught_table(read_run(parallel_run(tmp_path).path))
    assert table is not None
    heads = [column.head for column in table.columns]
    assert heads == ["Memory", "2", "4", "8", "16", "32", "n", "Seeds", "Taught on"]
    rows = {row[0].text: row for row in table.rows}
    assert list(rows) == ["state, this run", "full", "window", "summary"]
    assert [one.text for one in rows["full"][1:8]] == ["0.82", "0.78", "0.75", "0.54", "–", "96, 64, 32, 16, –", "3"]
    assert rows["window"][1].aside == "0.72 … 0.79", "of several seeds their range"
    assert "at most 4 questions" in rows["state, this run"][8].text
    assert "reinforcement learning in this run, 120 steps" in rows["state, this run"][8].text
    assert "2.8 to 3.5 million under full" in rows["full"][8].text


def test_a_published_system_without_a_figure_at_two_has_no_line_and_f1_goes_before_em() -> None:
    rows = {row.system: row for row in published().multi_objective}
    assert rows["Search-R1 trained on 2 objectives"].kept(2) == ("", {})
    assert rows["MEM1-QA"].kept(2)[0] == "F1"
    metric, shares = rows["Qwen2.5-7B-Instruct, full context"].kept(2)  # F1 stands at 16 alone
    assert metric == "EM"
    assert shares[16] == pytest.approx(0.165 / 16 / (0.268 / 2))
