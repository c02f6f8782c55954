"""The recorded policies: what the file says, what several seeds make of it, what it refuses."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from mem1.errors import DataError
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Evaluation
from mem1.report.beside.recorded import TaughtAlike, taught_alike
from mem1.storage.run_dir import RunDir
from tests.unit.report.synthetic import make_run

ROOT = Path(__file__).parents[4]


def point(mean: float, n: int = 10, peak: float = 100.0) -> dict[str, Any]:
    """One length of a policy."""
    return {"n": n, "mean": mean, "low": mean - 0.1, "high": mean + 0.1, "peak": peak}


def recorded(*policies: dict[str, Any]) -> TaughtAlike:
    """A file with these policies, each of ``window`` unless it says otherwise."""
    return TaughtAlike.model_validate(
        {
            "beside": "model",
            "composition": "parallel",
            "saw": "short lists",
            "lessons": "long lists",
            "note": "",
            "policies": [{"memory": "window", "seed": 0, "saw": "long lists"} | one for one in policies],
        }
    )


def tool() -> ModuleType:
    """``tools/taught_alike.py``."""
    spec = importlib.util.spec_from_file_location("tools_taught_alike", ROOT / "tools" / "taught_alike.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def only(run: RunDir, strategy: str, *, objectives: int | None = None) -> Path:
    """The run with nothing but the cells of ``strategy``, and of one length if it is named."""
    found = run.read_evaluation("trained", Evaluation)
    kept = [one for one in found.cells if one.strategy == strategy and objectives in (None, one.objectives)]
    run.write_evaluation("trained", found.model_copy(update={"cells": tuple(kept)}))
    return run.path


def test_the_page_on_parallel_tasks_and_the_file_give_the_same_figures() -> None:
    page = (ROOT / "docs" / "parallel.md").read_text(encoding="utf-8")
    for policy in taught_alike().policies:
        _, _, table = page.partition(f"| `{policy.memory}`: objectives |")
        rows = {row.split(" | ")[0]: row.split(" | ")[1:] for row in table.partition("\n\n")[0].splitlines()}
        for n, one in policy.at.items():
            mean, low, high = (f"{value:.2f}"[1:] for value in (one.mean, one.low, one.high))
            tasks, *seeds = rows[f"| {n}"]
            assert (tasks, seeds[policy.seed]) == (str(one.n), f"{mean} ({low} to {high})"), (policy.memory, n)


def test_full_window_and_summary_are_recorded_with_what_they_saw() -> None:
    found = taught_alike()
    assert found.memories == ("full", "window", "summary")
    assert all("million" in one.saw for one in found.policies)


def test_one_seed_stands_as_it_is_and_several_as_their_mean_and_range() -> None:
    first = {"at": {2: point(0.8), 8: point(0.4, n=20, peak=300.0)}}
    alone = recorded(first)
    assert (alone.scores("window")[8].low, alone.scores("window")[8].high) == pytest.approx((0.3, 0.5))
    both = recorded(first, {"seed": 1, "at": {2: point(0.5), 8: point(0.4, n=12, peak=200.0)}})
    two, eight = both.scores("window")[2], both.scores("window")[8]
    assert (two.mean, two.low, two.high) == pytest.approx((0.65, 0.5, 0.8))
    assert (eight.n, eight.peak) == (12, 250.0)
    assert both.kept("window") == pytest.approx({2: 1.0, 8: (0.5 + 0.8) / 2})  # each seed over its own score at 2


def test_a_length_that_one_seed_lacks_is_that_of_the_others() -> None:
    both = recorded({"at": {2: point(0.8), 16: point(0.2)}}, {"seed": 1, "at": {1: point(0.9), 2: point(0.4)}})
    assert both.kept("window") == pytest.approx({2: 1.0, 16: 0.25})


@pytest.mark.parametrize(
    ("policies", "message"),
    [
        ([{"at": {4: point(0.5)}}], "nothing at 2 objectives"),
        ([{"at": {2: point(0.5)}}, {"at": {2: point(0.6)}}], "recorded twice: window, seed 0"),
        ([{"at": {2: point(0.5) | {"low": 0.7}}}], "lies outside its interval"),
        ([{"at": {2: point(0.5)}, "sede": 1}], "sede"),
        ([], "at least 1 item"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(policies: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        recorded(*policies)


def test_an_entry_is_made_of_an_evaluations_own_figures(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    text = tool().entry([only(run, "window")], 3, 'said "so"')
    (entry,) = tomllib.loads(text)["policies"]
    assert (entry["memory"], entry["seed"], entry["saw"]) == ("window", 3, 'said "so"')
    cells = [one for one in run.read_evaluation("trained", Evaluation).cells if not one.session]
    assert sorted(map(int, entry["at"])) == [1, 2, 4, 8, 16, 32]
    for cell in cells:
        found, metric = entry["at"][str(cell.objectives)], cell.metrics[Measure.EM_PER_OBJECTIVE]
        assert found["n"] == metric.n
        assert found["mean"] == pytest.approx(metric.mean, abs=5e-5)
        assert found["peak"] == pytest.approx(cell.metrics[Measure.PEAK_WITHOUT_PROMPT].mean, abs=0.051)
    assert recorded(entry).memories == ("window",)


def test_an_entry_is_of_one_memory_and_has_each_length_once(tmp_path: Path) -> None:
    several = make_run(tmp_path / "a")
    with pytest.raises(DataError, match="several memories: full, state, window"):
        tool().entry([several.path], 0, "x")
    parts = [only(make_run(tmp_path / name), "window", objectives=8) for name in ("c", "d")]
    with pytest.raises(DataError, match="8 objectives stand in two runs"):
        tool().entry(parts, 0, "x")
    with pytest.raises(DataError, match="no finished evaluation"):
        tool().entry([make_run(tmp_path / "e", evaluated=False).path], 0, "x")
