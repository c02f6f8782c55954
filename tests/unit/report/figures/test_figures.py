"""Figures of several runs, of marks, and of what was remembered: numbers worked out by hand."""

from __future__ import annotations

import base64
import json
import re

from mem1.evaluation.records import Cell, CellKey, Metric
from mem1.evaluation.remembering.survival import FactHistory, Fate, Standing
from mem1.report.figures.across import learning_by_run, scores_by_run, together
from mem1.report.figures.facts import draw_map, fact_map
from mem1.report.figures.scatter import Costly, paired_scatter, quality_against
from mem1.report.figures.svg import draw
from mem1.report.figures.take import downloads
from mem1.report.fitting import ROOM, fitted, too_wide
from mem1.report.listing.summary import CellSummary, EvaluationSummary, RunSummary, Status
from mem1.report.tables import Column, Entry, Table
from mem1.types import Composition

KEY = CellKey(Composition.PARALLEL, 2)


def metric(mean: float) -> Metric:
    return Metric(mean=mean, low=mean - 0.1, high=mean + 0.1, n=8)


def a_run(name: str, settings: str, mean: float) -> RunSummary:
    cell = CellSummary("state", KEY, ("em",), {"em_per_objective": metric(mean)}, 8, 8, 0)
    last = EvaluationSummary("after", "m", 1, True, ("state",), (cell,))
    return RunSummary(name, Status.FINISHED, settings=settings, evaluations=(last,))


def cell(values: tuple[float | None, ...]) -> Cell:
    return Cell(
        strategy="state", composition=Composition.PARALLEL, objectives=2, tasks=("a", "b", "c", "d"),
        values={"em": values}, metrics={}, episodes=4, failed=0, unscored=0, stops={},
    )  # fmt: skip


def test_seeds_of_one_setting_are_their_mean_and_range() -> None:
    sets = together([a_run("x", "s", 0.4), a_run("y", "s", 0.8), a_run("z", "t", 0.5)])
    assert [(one.mark, len(one.runs)) for one in sets] == [("A", 2), ("B", 1)]
    (chart,) = scores_by_run(sets)
    pooled, alone = (one.points[0] for one in chart.series)
    assert (pooled.x, round(pooled.y, 9), pooled.low, pooled.high) == (2, 0.6, 0.4, 0.8)
    assert (alone.y, alone.low, alone.high) == (0.5, 0.4, 0.6)  # its interval over tasks


def test_learning_of_seeds_counts_where_all_have_a_step() -> None:
    sets = together([a_run("x", "s", 0.4), a_run("y", "s", 0.8)])
    rows = {
        "x": [{"step": 1, "reward/mean": 1.0}, {"step": 2, "reward/mean": 2.0}],
        "y": [{"step": 1, "reward/mean": 3.0}, {"step": 3, "reward/mean": 9.0}],
    }
    (chart,) = learning_by_run(sets, rows)
    assert [(p.x, p.y, p.low, p.high) for p in chart.series[0].points] == [(1, 2.0, 1.0, 3.0)]


def test_tasks_that_have_both_values_are_paired() -> None:
    chart = paired_scatter(cell((1.0, 1.0, 2.0, None)), cell((2.0, 2.0, 1.0, 0.0)), ("A", "B"), "em")
    assert chart is not None
    marks = chart.series[1].points
    assert [(p.x, p.y, p.weight, p.label) for p in marks] == [(1.0, 2.0, 2, "2"), (2.0, 1.0, 1, "")]
    assert "B is better on 2 of 3 tasks, worse on 1, equal on 0" in chart.caption
    assert [(p.x, p.y) for p in chart.series[0].points] == [(0.0, 0.0), (2.0, 2.0)]
    assert paired_scatter(cell((1.0, None, None, None)), cell((None,) * 4), ("A", "B"), "em") is None


def test_quality_stands_against_each_cost_that_is_known_beside_what_papers_print() -> None:
    mark = Costly("state", 2, metric(0.5), {"peak_without_prompt": 640.0, "seconds": 4.0, "tokens": 0.0})
    charts = {one.id: one for one in quality_against([mark], "EM / objective", "x-")}
    assert sorted(charts) == ["x-quality-peak_without_prompt", "x-quality-seconds"]  # no cost of zero on such an axis
    printed = charts["x-quality-seconds"].series[1]
    assert (6.49, 0.3545) in [(p.x, round(p.y, 6)) for p in printed.points]  # MEM1-QA: 0.709 at 2 objectives
    assert [one.name for one in quality_against([mark], "Reward / objective")[0].series] == ["state"]
    assert "polyline" not in draw(charts["x-quality-seconds"])


def history(turns: list[Standing], due: int, fate: Fate) -> FactHistory:
    return FactHistory(objective=0, found=0, due=due, turns=tuple(turns), fate=fate, lost=None)


def test_a_map_has_a_stretch_for_each_standing_and_is_faint_after_it_was_due() -> None:
    s = Standing
    found = fact_map([history([s.UNSEEN, s.SHOWN, s.HELD, s.HELD, s.LOST], 3, Fate.ANSWERED)], ["<b>Lima"])
    assert found is not None
    drawn = draw_map(found)
    assert re.findall(r'<rect class="f-([^"]*)"', drawn) == ["shown", "held", "lost past"]
    assert "1. &lt;b&gt;Lima: held, turns 3 to 4" in drawn
    assert "<b>" not in drawn
    assert fact_map([], []) is None


def test_a_map_of_few_turns_is_small_and_one_of_many_is_no_wider_than_a_page() -> None:
    for turns, width in ((10, 414), (200, 1000)):
        found = fact_map([history([Standing.HELD] * turns, turns - 1, Fate.ANSWERED)], ["Lima"])
        assert found is not None
        assert f'viewBox="0 0 {width} 64" role="img"' in draw_map(found)
        assert ('class="chart map long"' in draw_map(found)) == (width == 1000)


def test_a_telephone_has_room_for_two_short_columns_and_not_for_many() -> None:
    narrow = Table("t", "", (Column("step"), Column("EM")), ((Entry("1"), Entry("0.5")),))
    assert not too_wide(narrow)
    assert too_wide(Table("t", "", narrow.columns * 8, (narrow.rows[0] * 8,)))


def test_figures_are_taken_with_their_numbers() -> None:
    found = fact_map([history([Standing.UNSEEN, Standing.SHOWN], 1, Fate.ANSWERED)], ["Lima"])
    assert found is not None
    files = {kind: base64.b64decode(address.partition(",")[2]).decode() for kind, _, address in downloads(found)}
    assert files["SVG"].startswith('<svg xmlns="http://www.w3.org/2000/svg"')
    lines = ["objective,turn,standing,found,due,fate", "1,1,unseen,1,2,answered", "1,2,shown,1,2,answered"]
    assert files["CSV"].splitlines() == lines
    assert json.loads(files["JSON"])["histories"][0]["turns"] == ["unseen", "shown"]


def test_a_formula_in_a_name_is_no_formula_in_a_table() -> None:
    chart = scores_by_run(together([a_run("x", "s", 0.4)]))[0]
    named = type(chart)(**{f: getattr(chart, f) for f in ("id", "title", "caption", "x", "y")}, series=(
        type(chart.series[0])("=cmd", 0, chart.series[0].points),
    ))  # fmt: skip
    csv = next(base64.b64decode(a.partition(",")[2]).decode() for kind, _, a in downloads(named) if kind == "CSV")
    assert csv.splitlines()[1].startswith("'=cmd,2")


def test_a_wide_table_is_laid_out_in_parts_that_keep_what_belongs_together() -> None:
    triples = [Column("EM before"), Column("after", joined=True), Column("difference", joined=True)] * 8
    columns = (Column("Tasks", numeric=False), Column("Strategy", numeric=False), *triples)
    row = (Entry("parallel 2"), Entry("state"), *(Entry("0.500", "0.400 … 0.600") for _ in triples))
    parts = fitted(Table("t", "", columns, (row,)))
    assert len(parts) > 1
    for part in parts:
        assert [column.head for column in part.columns[:3]] == ["Tasks", "Strategy", "EM before"]
        assert (len(part.columns) - 2) % 3 == 0
    assert sum(len(part.columns) - 2 for part in parts) == len(triples)
    narrow = Table("t", "", columns[:5], (row[:5],))
    assert fitted(narrow) == [narrow]
    assert len(fitted(narrow, ROOM / 4)) == 1  # a triple is never torn apart
