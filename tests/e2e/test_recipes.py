"""The whole path through the command line: warm start, export, train, evaluate, report; small, but nothing left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mem1.cli.main import main

RECIPE = """
name = "small"
model = "new:tiny"
watch_tasks = 2

[tiny]
vocabulary = 512
hidden = 256
heads = 4
layers = 2
intermediate = 64

[env]
prompt = "brief"
top_k = 1
turns_per_objective = 3

[memory]
type = "state"
budgets = { state = 48, action = 32, observation = 256 }

[engine]
slots = 8
max_context = 2048

[tasks]
composition = "sequential"
objectives = 2
count = 10

[lessons]
real = 0.0
countries = 4
per_lesson = 8

[warmstart]
steps = 2
episodes_per_step = 2
evaluate_every = 2

[train]
algorithm = { type = "reinforce++", subtract_group_mean = false }
steps = 1
tasks_per_step = 2
group_size = 2
evaluate_every = 1

[evaluate]
strategies = ["full", "state"]
compositions = ["sequential", "parallel"]
horizons = [1, 2]
tasks = 2
session_objectives = 5
session_tasks = 1
resamples = 100
"""


def command(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """Run a command that must succeed; what it printed as JSON."""
    code = main([*words, "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err + printed.out
    return json.loads(printed.out)


def test_from_a_new_model_to_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    warm, folder, run = tmp_path / "warm", tmp_path / "model", tmp_path / "run"

    command(capsys, "warmstart", str(recipe), "--run", str(warm))
    exported = command(capsys, "export", str(warm), str(folder), "--dtype", "float16")
    assert {key: exported[key] for key in ("folder", "step", "dtype")} == {
        "folder": str(folder),
        "step": 2,
        "dtype": "float16",
    }
    assert exported["card"] == str(folder / "README.md")

    headline = command(capsys, "demo", str(recipe), "--run", str(run), "--set", f"model={folder}")
    assert isinstance(headline, dict)
    assert Path(headline["report"]).is_file()
    before = json.loads((run / "evaluation" / "warm-start.json").read_text())
    after = json.loads((run / "evaluation" / "trained.json").read_text())
    assert {cell["strategy"] for cell in before["cells"]} == {"state"}
    assert len(after["cells"]) == 2 * (2 * 2 + 1)
    shared = {(c["composition"], c["objectives"]): c["tasks"] for c in before["cells"]}
    assert shared, "the warm start is measured on tasks that the trained policy is measured on too"
    for cell in after["cells"]:
        key = (cell["composition"], cell["objectives"])
        if key in shared and not cell["session"]:
            assert cell["tasks"] == shared[key]
    experts = {(one["memory"], one["composition"], one["objectives"], one["session"]) for one in after["ceiling"]}
    assert experts == {
        (cell["strategy"], cell["composition"], cell["objectives"], cell["session"]) for cell in after["cells"]
    }
    assert "What the tasks allow: the scripted expert" in Path(headline["report"]).read_text()

    again = command(capsys, "demo", str(recipe), "--run", str(run), "--set", f"model={folder}", "--resume")
    assert isinstance(again, dict)
    names = [key for key in headline if key.startswith("summed EM")]
    assert names
    assert all(again[name] == headline[name] for name in names), "a finished demo is not run anew"


def test_a_run_is_refused_another_recipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    run = tmp_path / "warm"
    command(capsys, "warmstart", str(recipe), "--run", str(run), "--warmstart.steps", "1")
    assert main(["warmstart", str(recipe), "--run", str(run), "--resume", "--warmstart.steps", "3"]) == 2
    assert "warmstart.steps" in capsys.readouterr().err


def test_composed_tasks_are_printed_as_json_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(RECIPE)
    assert main(["compose", str(recipe), "--tasks.composition", "parallel", "--tasks.count", "3"]) == 0
    tasks = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [len(task["objectives"]) for task in tasks] == [2, 2, 2]
    assert {task["split"] for task in tasks} == {"train"}
