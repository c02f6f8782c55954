"""Runs that the program before wrote are reported with the figures that it gave them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from mem1.evaluation.records import Evaluation
from mem1.report.build import build_report
from mem1.report.viewer.catalogue import Catalogue
from mem1.report.viewer.filter import Filter
from mem1.storage.run_dir import RunDir
from mem1.storage.upgrade import upgraded_evaluation
from mem1.webshop.report_table import shop_table

STORED = Path(__file__).parents[2] / "data" / "schema1"


@pytest.fixture(params=["qa", "shop"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    shutil.copytree(STORED / request.param, tmp_path / request.param)
    return tmp_path / str(request.param)


def stored(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "evaluation" / "evaluation.json").read_text())
    return found


def test_an_evaluation_keeps_its_figures_under_the_names_of_today(run: Path) -> None:
    before, now = stored(run), RunDir.open(run).read_evaluation("evaluation", Evaluation)
    main = "success" if run.name == "shop" else "em"
    assert (before["schema_version"], now.schema_version, now.scored[0]) == (1, 2, main)
    for was, cell in zip(before["cells"], now.cells, strict=True):
        assert cell.metrics[main].mean == was["metrics"]["em"]["mean"]
        assert list(cell.values[main]) == was["values"]["em"]
        assert cell.metrics["peak"].mean == was["metrics"]["peak"]["mean"]
        if run.name == "shop":
            assert cell.metrics["score_per_objective"].mean == pytest.approx(was["metrics"]["score"]["mean"] / 100)
            assert cell.metrics["r_type_per_objective"].mean == was["metrics"]["r_type"]["mean"]
            assert "em" not in cell.metrics
        else:
            assert cell.metrics["f1"].mean == was["metrics"]["f1"]["mean"]
    for one, verdict in zip(before["verdicts"], now.verdicts, strict=True):
        found = verdict.scores[main]
        assert (None if found is None else found.mean) == (one["em"] and one["em"]["mean"])


def test_it_is_reported_and_looked_at(run: Path) -> None:
    report = build_report(run)
    text = report.markdown.read_text()
    assert ("Success" if run.name == "shop" else "EM") in text
    catalogue = Catalogue(RunDir.open(run))
    catalogue.refresh()
    episodes = sum(cell["episodes"] for cell in stored(run)["cells"])
    listed, total = catalogue.page(Filter(), 100)
    assert len(listed) == total == episodes
    assert all(one.entry.met is not None for one in listed)


def test_the_shops_table_has_the_figures_of_before() -> None:
    now = RunDir.open(STORED / "shop").read_evaluation("evaluation", Evaluation)
    table = shop_table(now)
    assert table is not None
    for row, was in zip(table.rows, stored(STORED / "shop")["cells"], strict=True):
        assert row[2].text == f"{was['metrics']['score']['mean']:.1f}"
        assert row[3].text == f"{100 * was['metrics']['em_per_objective']['mean']:.1f}"


def test_what_is_of_another_version_is_left_as_it_is() -> None:
    others: tuple[object, ...] = ({"schema_version": 2}, {"schema_version": 3}, [], None, "text")
    for raw in others:
        assert upgraded_evaluation(raw) is raw
    assert upgraded_evaluation({"schema_version": 1, "cells": [3], "verdicts": "x", "comparisons": [None]})[
        "cells"
    ] == [3]
