"""Reports of made-up runs: whole, partial and empty; hostile text stays text."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from mem1.errors import DataError, StorageError
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Evaluation, Metric
from mem1.prices import Prices
from mem1.report.build import build_report
from mem1.report.data import read_run, sample_episodes
from mem1.report.figures.plots import running_mean
from mem1.report.figures.svg_export import write_picture
from mem1.report.numbers import signed
from mem1.report.summary import facts
from mem1.report.tables import before_and_after, endings, side_by_side, strategy_differences
from mem1.report.verdict import verdict_table
from mem1.storage.run_dir import RunDir
from tests.unit.report.synthetic import HOSTILE, SyntheticConfig, make_run

# What a browser may fetch or run by itself.
_ACTIVE = {"script", "img", "iframe", "object", "embed", "link", "base", "form", "audio", "video", "source"}


class Page(HTMLParser):
    """Collects tags, addresses and text; knows whether tags are balanced."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src", "action", "srcset")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        if tag not in ("meta", "link", "br", "input", "line", "polyline", "polygon", "rect", "path"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text."""
        return "".join(self.words)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunDir:
    return make_run(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def html(run: RunDir) -> str:
    return build_report(run.path).html.read_text(encoding="utf-8")


def test_nothing_in_the_page_can_run_or_be_fetched(html: str) -> None:
    page = Page(html)
    assert page.open == []
    assert not _ACTIVE & set(page.tags)
    assert page.handlers == []
    taken = [address for address in page.addresses if not address.startswith("#")]  # figures as files, in the page
    kinds = {address.partition(";")[0] for address in taken}
    assert kinds == {"data:image/svg+xml", "data:text/csv", "data:application/json"}
    assert html.count(" download=") == len(taken)
    style = "".join(re.findall(r"<style>(.*?)</style>", html, re.S))
    assert "url(" not in style
    assert "@import" not in style
    assert "default-src 'none'" in unescape(html)


def test_hostile_text_is_shown_as_text(html: str) -> None:
    text = Page(html).text
    shown = HOSTILE.replace("\u202e", "[U+202E]").replace("\u202c", "[U+202C]").replace("\x00", "[U+0000]")
    assert shown in text
    assert "\u202e" not in html
    assert "\x00" not in html


def test_the_page_has_every_part(html: str) -> None:
    text = Page(html).text
    for part in (
        "Before and after training",
        "Strategies side by side: trained",
        "EM per objective",
        "F1 per objective",
        "Peak context without the prompt",
        "EM per objective against peak",
        "F1 per objective against peak",
        "What each strategy costs and saves against full",
        "Context, session of 40",
        "Exactness of the training views",
        "Reward",
        "KL to the reference",
        "State before",
        "State after",
        "Stopped early",
        "Actions / objective",
        "Answered",
    ):
        assert part in text, part
    assert "<ins>" in html
    assert "<del>" in html
    assert len(html) < 3_000_000


def test_headline_numbers_are_those_of_the_evaluation(run: RunDir) -> None:
    data = read_run(run.path)
    table = before_and_after(data, ["state"], "Before and after")
    assert table is not None
    row = next(row for row in table.rows if row[1].text == "parallel 2")
    first, last = (run.read_evaluation(name, Evaluation) for name in ("warm_start", "trained"))
    means = [
        next(cell for cell in one.cells if cell.strategy == "state" and cell.key.name == "parallel-2").metrics
        for one in (first, last)
    ]
    assert [row[2].text, row[3].text] == [f"{metrics['em'].mean:.2f}" for metrics in means]
    assert row[-1].text == "12"
    assert data.last is not None
    assert data.last.label == "trained"


def test_the_verdict_is_the_evaluations(run: RunDir) -> None:
    evaluation = run.read_evaluation("trained", Evaluation)
    table = verdict_table(evaluation)
    assert table is not None
    rows = {(row[0].text, row[1].text): row for row in table.rows}
    verdict = next(one for one in evaluation.verdicts if one.strategy == "state" and one.key.name == "parallel-2")
    assert (difference := verdict.scores["em"]) is not None
    assert verdict.peak is not None
    row = rows["parallel 2", "state"]
    assert row[2].text == signed(difference.mean, 2)
    heads = [column.head for column in table.columns]
    assert heads[4:7] == ["Answered", "Actions", "Early"]  # beside the scores
    assert row[heads.index("Peak")].text == f"{verdict.peak.mean:.2f}"
    assert "Money" not in heads  # nothing says what tokens cost
    assert table.records(["Strategy", "Money", "Peak"])[1] == {
        "Strategy": rows["parallel 1", "state"][1].text,
        "Peak": rows["parallel 1", "state"][heads.index("Peak")].starred,
    }


def test_money_and_an_equal_budget_are_shown_where_there_are_any(run: RunDir) -> None:
    evaluation = run.read_evaluation("trained", Evaluation)
    one = Metric(mean=0.5, low=0.25, high=0.75, n=12)
    cells = tuple(
        cell.model_copy(
            update={"metrics": cell.metrics | {Measure.COST: Metric(mean=2.5e-05, low=None, high=None, n=1)}}
        )
        for cell in evaluation.cells
    )
    verdicts = tuple(
        verdict.model_copy(update={"cost": one, "told_apart": ("cost",)}) for verdict in evaluation.verdicts
    )
    plan = evaluation.plan.model_copy(update={"prices": Prices(input=1, output=2, currency="EUR"), "equal_budget": 321})
    changed = evaluation.model_copy(update={"cells": cells, "verdicts": verdicts, "plan": plan})
    table, sides = verdict_table(changed), side_by_side(changed)
    assert table is not None
    money = [column.head for column in table.columns].index("Money")
    assert all((row[money].text, row[money].strong) == ("0.50", True) for row in table.rows)
    assert "more than 321 tokens beside the prompt" in table.note
    assert ("Cost", "EUR") in [(column.head, column.unit) for column in sides.columns]
    assert "0.000025" in [entry.text for entry in sides.rows[0]]


def test_facts_name_training_growth_and_session(run: RunDir) -> None:
    found = facts(read_run(run.path))
    assert [fact.meaning.split(",")[0] for fact in found] == [
        "summed EM at 2 objectives",
        "peak context of state",
        "peak context of full",
        "peak context of window",
        "largest context of state in the second half of a session of 40 objectives",
    ]
    assert found[-1].figure.startswith("× 1.0") or found[-1].figure.startswith("× 0.9")


def test_tables_count_failures(run: RunDir) -> None:
    last = read_run(run.path).last
    assert last is not None
    table = side_by_side(last)
    place = [column.head for column in table.columns].index("Failed")
    failed = {(row[0].text, row[1].text): row[place].text for row in table.rows if row[place].text != "0"}
    assert failed == {("parallel 4", "window"): "1"}
    ended = {(row[0].text, row[1].text): [entry.text for entry in row[2:]] for row in endings(last).rows}
    *counts, cause, n = ended["parallel 4", "window"]
    assert (counts, n) == (["11", "0", "0", "1", "0"], "12")
    assert cause.startswith("1 x BackendError: ")
    pairs = strategy_differences(last)
    assert pairs is not None
    assert {row[1].text for row in pairs.rows} == {"window − full", "state − full", "state − window"}


def test_samples_span_the_horizons(run: RunDir) -> None:
    found = [(episode.strategy, episode.task.size) for episode in sample_episodes(read_run(run.path))]
    assert found[:3] == [("state", 2), ("state", 8), ("state", 40)]
    assert len(found) == 9


def test_json_and_markdown(run: RunDir) -> None:
    paths = build_report(run.path)
    found = json.loads(paths.json.read_text(encoding="utf-8"))
    assert [one["plan"]["label"] for one in found["evaluations"]] == ["warm_start", "trained"]
    assert "values" not in found["evaluations"][0]["cells"][0]
    text = paths.markdown.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert "# synthetic" in lines
    assert any(line.startswith("| state | parallel 2 |") for line in lines)
    assert "<script" not in text
    columns = [line.replace("\\|", "").count("|") for line in lines if line.startswith("|")]
    assert min(columns) > 2


@pytest.mark.parametrize(("evaluated", "trained"), [(True, False), (False, True), (False, False)])
def test_partial_runs_have_reports(tmp_path: Path, evaluated: bool, trained: bool) -> None:
    run = make_run(tmp_path, evaluated=evaluated, trained=trained, tasks=3)
    page = Page(build_report(run.path).html.read_text(encoding="utf-8"))
    assert page.open == []
    assert ("Strategies side by side: warm_start" in page.text) == evaluated
    assert ("KL to the reference" in page.text) == trained
    assert ("no evaluation, no metrics" in page.text) == (not evaluated and not trained)
    assert "Before and after" not in page.text


def test_one_task_a_cell_has_no_intervals(tmp_path: Path) -> None:
    run = make_run(tmp_path, tasks=1)
    assert "Before and after training" in Page(build_report(run.path).html.read_text(encoding="utf-8")).text


def test_no_run_no_report(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not a run directory"):
        build_report(tmp_path)


def test_views_must_be_rows(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", SyntheticConfig())
    (run.path / "views.json").write_text("{}")
    with pytest.raises(StorageError, match="not a list of rows"):
        build_report(run.path)


def test_the_picture_stands_alone(run: RunDir, tmp_path: Path) -> None:
    text = write_picture(run.path, tmp_path / "demo.svg", title="One page <of> memory").read_text()
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "One page &lt;of&gt; memory" in text
    assert "prefers-color-scheme" in text
    assert text.count("<svg") == 4
    empty = RunDir.create(tmp_path, "empty", SyntheticConfig())
    with pytest.raises(DataError, match="nothing to draw"):
        write_picture(empty.path, tmp_path / "none.svg")


def test_running_mean_by_hand() -> None:
    assert running_mean([(0, 1.0), (1, 3.0), (2, 8.0)], 2) == [(0, 1.0), (1, 2.0), (2, 5.5)]
