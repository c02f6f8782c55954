"""Two runs side by side, with numbers worked out by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main
from mem1.errors import DataError
from mem1.evaluation.cells import Bootstrap, make_cell
from mem1.evaluation.records import CellKey, Evaluation, Plan, PolicyInfo
from mem1.report.against import against, in_words
from mem1.storage.run_dir import RunDir
from mem1.types import Composition, Episode
from tests.unit.report.synthetic import SyntheticConfig
from tests.unit.webshop.test_report_table import episode

KEY = CellKey(Composition.SEQUENTIAL, 2)


def written(root: Path, name: str, **cells: list[Episode]) -> Path:
    """A run with one evaluation that holds these strategies' episodes."""
    run = RunDir.create(root, name, SyntheticConfig())
    plan = Plan(label="only", policy=PolicyInfo(model="m"), strategies=tuple(cells), cells={}, seed=0, temperature=0,
                resamples=2000, confidence=0.95)  # fmt: skip
    made = tuple(make_cell(strategy, KEY, episodes, Bootstrap()) for strategy, episodes in cells.items())
    run.write_evaluation("only", Evaluation(plan=plan, complete=True, cells=made, comparisons=()))
    return run.path


def bought(name: str, first: float, second: float, seconds: float) -> Episode:
    return episode(name, (first, second), (None, None)).model_copy(update={"seconds": seconds})


def by_measure(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["measure"]: row for row in rows}


BEFORE = [bought("a", 1.0, 0.0, 2.0), bought("b", 0.5, 0.0, 4.0), bought("gone", 1.0, 1.0, 100.0)]
AFTER = [bought("a", 1.0, 0.5, 1.0), bought("b", 0.5, 0.5, 2.0), bought("new", 0.0, 0.0, 100.0)]


def test_only_shared_tasks_count(tmp_path: Path) -> None:
    base, run = written(tmp_path, "base", state=BEFORE), written(tmp_path, "run", state=AFTER)
    rows = by_measure(against(run, base))
    # Scores of a: 1, then 1.5; of b: 0.5, then 1. Both gain 0.5, whatever is resampled.
    assert rows["score"] == {
        "tasks": "sequential 2", "strategy": "state", "measure": "score", "base": 0.75, "run": 1.25, "change": 0.5,
        "kind": "difference", "low": rows["score"]["low"], "high": rows["score"]["high"], "n": 2, "told_apart": False,
    }  # fmt: skip
    # Two tasks that both gain say little of others, which may lose.
    assert rows["score"]["low"] < 0 < 0.5 < rows["score"]["high"]
    # Over two goals a task: half of that.
    assert (rows["score_per_objective"]["base"], rows["score_per_objective"]["change"]) == (0.375, 0.25)
    # Goals with reward 1: a has one before and after, b none.
    assert rows["success"]["change"] == 0.0
    # Seconds: 2 + 4, then 1 + 2: half, in each of them.
    assert (rows["seconds"]["kind"], rows["seconds"]["change"], rows["seconds"]["low"]) == ("multiple", 0.5, None)
    assert not {"em", "f1"} & set(rows)
    assert "cost" not in rows
    assert in_words(rows["score"] | {"low": 0.4, "high": 0.6}) == {
        "measure": "Score", "base": "0.75", "run": "1.25", "change": "+0.50", "interval": "+0.40 to +0.60", "n": "2",
    }  # fmt: skip
    assert in_words(rows["seconds"])["change"] == "0.50x"


def test_a_strategy_meets_itself_or_the_only_other(tmp_path: Path) -> None:
    base = written(tmp_path, "base", state=BEFORE)
    two = written(tmp_path, "two", full=BEFORE, state=AFTER)
    one = written(tmp_path, "one", full=AFTER)
    assert {row["strategy"] for row in against(two, base)} == {"state"}
    assert {row["strategy"] for row in against(one, base)} == {"state -> full"}
    with pytest.raises(DataError, match="no task"):
        against(written(tmp_path, "window", window=AFTER), two)  # which of the two is meant?


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    base = written(tmp_path, "base", state=BEFORE)
    empty = RunDir.create(tmp_path, "empty", SyntheticConfig()).path
    with pytest.raises(DataError, match="holds no evaluation"):
        against(empty, base)
    with pytest.raises(DataError, match="no task was evaluated in both"):
        against(written(tmp_path, "other", state=[bought("c", 1.0, 1.0, 1.0)]), base)
    scores = [one.score for one in AFTER if one.score is not None]
    rescored = [
        one.model_copy(update={"score": score.model_copy(update={"scorer": "webshop: shelf; compat"})})
        for one, score in zip(AFTER, scores, strict=True)
    ]
    with pytest.raises(DataError, match=r"scored differently: webshop: shelf; strict; .* in the one, .* compat in"):
        against(written(tmp_path, "compat", state=rescored), base)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base, run = written(tmp_path, "base", state=BEFORE), written(tmp_path, "run", state=AFTER)
    assert main(["report", str(run), "--against", str(base), "--json"]) == 0
    assert by_measure(json.loads(capsys.readouterr().out))["score"]["change"] == 0.5
    assert main(["report", str(run), "--against", str(base)]) == 0
    assert "sequential 2, state" in capsys.readouterr().out
    assert not (run / "report.html").exists()
    assert main(["report", str(run), "--against", str(base), "--paper"]) == 2
    assert "writes nothing" in capsys.readouterr().err
