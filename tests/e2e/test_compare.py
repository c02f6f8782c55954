"""``mem1 evaluate --compare`` from the command line, with a real model: all strategies, equal budgets, a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.recipe import Recipe
from mem1.storage.episodes import read_episodes
from mem1.storage.run_dir import RunDir

STRATEGIES = tuple(Recipe().compared)
RECIPE = """
name = "compare"
side_model = "builtin:tiny"

[env]
prompt = "brief"
top_k = 1
max_turns = 3

[memory]
type = "state"
budgets = { state = 64, action = 32, observation = 160 }

[engine]
slots = 8
max_context = 2048

[evaluate]
horizons = [1, 2]
tasks = 1
session_objectives = 0
resamples = 100
prices = { input = 1.0, output = 4.0, cached_input = 0.1 }
"""


@pytest.mark.slow
def test_all_strategies_with_the_same_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe, run = tmp_path / "compare.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    words = ["evaluate", str(recipe), "--compare", "--equal-budget", "--run", str(run)]
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    cap = 2 * (64 + 32) + 160
    assert {cell["strategy"] for cell in found["cells"]} == set(STRATEGIES)
    assert all(cell["peak_without_prompt"] <= cap for cell in found["cells"])
    assert all(cell["cost"] > 0 for cell in found["cells"])
    assert [(one["strategy"], one["objectives"]) for one in found["verdicts"]] == [
        (name, size) for size in (1, 2) for name in STRATEGIES if name != "full"
    ]
    assert all(one["cost"]["mean"] > 0 and one["tokens"]["mean"] > 0 for one in found["verdicts"])
    episodes = list(read_episodes(RunDir.open(run).episodes("evaluation")))
    asked = {episode.strategy for episode in episodes if episode.side_calls}
    assert "summary" in asked
    assert asked <= {"summary", "notes"}
    assert not any(call.by_policy for episode in episodes for call in episode.side_calls)
    report = (run / "report.md").read_text()
    assert "What each strategy costs and saves against full" in report
    assert f"more than {cap} tokens beside the prompt" in report

    # A finished comparison prints the same again, as tables.
    assert main([*words, "--resume"]) == 0
    assert "what it saves" in capsys.readouterr().out
