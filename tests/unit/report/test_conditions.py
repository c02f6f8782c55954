"""What time and money depend on, in words, and what is said before any figure of a run."""

from __future__ import annotations

import json
from pathlib import Path

from mem1.evaluation.records import Conditions, Evaluation
from mem1.report.build import build_report
from mem1.report.conditions import conditions_note, resume_command
from mem1.report.data import read_run
from tests.unit.report.synthetic import make_run


def last(root: Path) -> Evaluation:
    found = read_run(make_run(root, trained=False, tasks=6).path).last
    assert found is not None
    return found


def test_conditions_of_each_start_stand_beside_time_and_money(tmp_path: Path) -> None:
    starts = (
        Conditions(episodes=30, concurrency=8, interleaved=True, cores=4, load=1.26),
        Conditions(episodes=2, concurrency=1, interleaved=True, cores=4, load=None),
    )
    evaluation = last(tmp_path).model_copy(update={"conditions": starts})
    cells = tuple(
        cell.model_copy(update={"cached_share": {"full": 0.5, "state": 0.25}.get(cell.strategy)})
        for cell in evaluation.cells
    )
    assert conditions_note(evaluation.model_copy(update={"cells": cells})) == (
        "Time and money: 30 episodes, 8 at a time, strategies interleaved task by task, machine load 1.3 on 4 cores; "
        "then 2 episodes, 1 at a time, strategies interleaved task by task. "
        "Of prompt tokens the backend had in its cache: full 50 %, state 25 %."
    )


def test_of_an_evaluation_of_old_it_is_said_that_nothing_is_known(tmp_path: Path) -> None:
    assert "one strategy after the other, under conditions that were not recorded" in conditions_note(last(tmp_path))


def test_the_command_to_go_on_with_suits_a_shell() -> None:
    assert resume_command(Path("runs/a b"), "evaluation") == (
        "mem1 evaluate 'runs/a b/config.toml' --run 'runs/a b' --resume && mem1 report 'runs/a b'"
    )
    assert resume_command(Path("runs/a"), "trained") == "the command that made it, with --run runs/a --resume"


def test_findings_stand_before_the_figures_in_all_three_forms(tmp_path: Path) -> None:
    paths = build_report(make_run(tmp_path).path)
    page, markdown = paths.html.read_text(), paths.markdown.read_text()
    said = "trained: 1 of 222 episodes failed (window 1): 1 x BackendError"
    assert said in page
    assert page.index(said) < page.index('class="facts"')
    assert said in markdown
    assert markdown.index(said) < markdown.index("## ")
    findings = json.loads(paths.json.read_text())["findings"]
    assert findings[0].startswith(said)
    assert not any("<script" in line for line in page.splitlines()), "a cause is text, whatever it holds"
