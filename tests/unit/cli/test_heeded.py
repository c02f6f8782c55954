"""What is given is heeded or refused: no option is passed over in silence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mem1 import commands
from mem1.cli.main import main
from mem1.errors import CheckpointError, ConfigError
from mem1.recipe import Recipe
from mem1.run.config import RunConfig
from mem1.run.start.open import open_session
from mem1.storage.guards.lock import locked
from mem1.storage.run_dir import RunDir
from mem1.train.saving.provenance import model_of

SCRIPTED = ["--engine.type", "tests.unit.run.scripted:ScriptedConfig", "--allow-imports"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("evaluate runs/x --checkpoints all --dry-run", "times the checkpoints"),
        ("evaluate runs/x --checkpoints all --model other", "the model is that of each checkpoint"),
        ("evaluate runs/x --checkpoints all --compare", "one checkpoint is compared"),
        ("evaluate demo --memory.quotes true --evaluate.strategies state,window", "memory.quotes: nothing that is"),
        ("evaluate sequential --memory.type summary", "memory.type: nothing that is evaluated has use for it"),
        (
            "evaluate sequential --memory.type summary --dry-run",
            "summary is not among the strategies that are evaluated",
        ),
        ('evaluate demo --strategies [{type="window",window=90}]', "strategies: nothing that is evaluated has use"),
        (
            'evaluate demo --strategies [{type="state_gated",instruction="Go."}]',
            "sets up state_gated otherwise than memory",
        ),
        ("doctor --train.steps 3", "keys of a recipe: nothing that is examined has use for it"),
        ("doctor --key-env KEY", "--key-env: nothing that is examined has use for it"),
        ("doctor demo --key-env KEY", "--key-env: nothing that is examined has use for it"),
        ("doctor --model m", "--model: nothing that is examined has use for it"),
        ("doctor --url http://127.0.0.1:9/v1 --train.steps 3", "keys of a recipe"),
        ("doctor --cluster auto --model m", "--model: nothing that is examined has use for it"),
        ("compose demo --coverage --out tasks", "--coverage prints and writes no tasks"),
        ("compose demo --coverage --parquet tasks", "--coverage prints and writes no tasks"),
        ("compose demo --parquet a --out b", "--parquet writes its own file"),
        ("compose demo --data-source x", "--data-source stands in Parquet"),
        ("recipe train --schema", "--schema is of a whole recipe"),
        ("export run folder --adapter --dtype float16", "--adapter writes float32"),
        ("export run folder --adapter --average builtin:tiny", "--adapter writes float32"),
        ("bench packing --all", "--all runs every benchmark"),
        ("index demo --type dense", "a recipe names its retriever itself"),
        ("runs --over-seeds --sort score", "--over-seeds puts the best mean first"),
        ("sweep train demo --print --resume --into x", "--print prints every command"),
        ("serve mcp --files . --port 80", "standard input has none"),
    ],
)
def test_what_would_not_be_heeded_is_refused_before_anything_is_done(
    line: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*line.split(), "--json"] if not line.startswith("serve") else line.split()) == ConfigError.exit_code
    printed = capsys.readouterr()
    assert said in printed.err + printed.out
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_says_what_of_the_line_changes_nothing_in_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["train", "demo", "--train.steps", "1", "--runs", str(tmp_path), "--dry-run", "--json"]
    assert main(line) == 0
    plain = json.loads(capsys.readouterr().out)
    assert main([*line, "--run", "x", "--resume", "--max-calls", "5"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["parts"] == plain["parts"]
    assert set(told["notes"]) - set(plain["notes"]) == {
        "--resume: what the run has done already is among it",
        "--max-calls 5: it ends there, however much is left",
    }


def test_settings_of_a_memory_that_is_not_evaluated_are_told_where_a_recipe_brings_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its memory is trained with them, so that they are no mistake there; and what all strategies share is used."""
    line = ["evaluate", "demo", "--evaluate.tasks", "1", "--evaluate.horizons", "1", "--runs", str(tmp_path)]
    dry = [*line, "--memory.budgets.action", "60", "--dry-run", "--json"]
    assert main([*dry, "--evaluate.strategies", "state"]) == 0
    (told,) = [note for note in json.loads(capsys.readouterr().out)["notes"] if "not used" in note]
    assert "memory.quotes" in told
    assert "memory.instruction" in told
    assert told.endswith("state_gated is not among the strategies that are evaluated (state)")
    assert main(dry) == 0
    assert not any("not used" in note for note in json.loads(capsys.readouterr().out)["notes"])


def test_a_shipped_recipe_is_indexed_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["index", "demo", "--json"]) == ConfigError.exit_code
    error = json.loads(capsys.readouterr().out)["error"]
    assert "has nothing to build" in error["what"], "it was read as a recipe, whose retriever is in memory"


def test_budgets_for_each_objective_are_refused_where_a_task_has_none() -> None:
    memory = {"budgets": {"each": {"state": 20}}}
    with pytest.raises(ValueError, match=r"memory\.budgets\.each are for each objective"):
        RunConfig.model_validate({"engine": {"type": "transformers"}, "memory": memory})


def session(tmp_path: Path, *actions: str) -> tuple[list[str], Path]:
    (tmp_path / "script").write_text("\n".join(actions))
    folder = tmp_path / "session"
    words = [*SCRIPTED, "--engine.script", str(tmp_path / "script"), "--session", str(folder), "--json"]
    return words, folder


def test_a_session_says_in_a_dry_run_too_that_it_keeps_its_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, folder = session(tmp_path, "<answer> so </answer>")
    assert main(["run", "task", *words]) == 0
    capsys.readouterr()
    (tmp_path / "other.toml").write_text("told = 1000\n")
    again = ["run", "task", "--session", str(folder), "--config", str(tmp_path / "other.toml"), "--allow-imports"]
    for further in ([], ["--dry-run"]):
        assert main([*again, *further]) == ConfigError.exit_code
        assert "a session keeps the settings that it was begun with" in capsys.readouterr().err


def test_a_dry_run_counts_what_waits_in_the_session_and_what_may_go_on_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, folder = session(tmp_path, "<recall> a</recall>", "<recall> b</recall>")
    assert main(["run", "ends early", *words, "--max-turns", "1"]) == 9
    dry = ["run", "--session", str(folder), "--allow-imports", "--dry-run", "--json"]
    for further, count in (([], 0), (["--again"], 1)):
        capsys.readouterr()
        assert main([*dry, *further]) == 0
        assert json.loads(capsys.readouterr().out)["tasks"] == count
    capsys.readouterr()
    assert main(["run", "another", *dry[1:], "--again"]) == 0
    assert json.loads(capsys.readouterr().out)["tasks"] == 2


def test_a_session_at_work_takes_tasks_and_no_other_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, folder = session(tmp_path, "<answer> so </answer>")
    assert main(["run", "task", *words]) == 0
    capsys.readouterr()
    with locked(folder):
        assert main(["run", "another", *words]) == 0, "the same settings once more change nothing"
        for further in (["--max-turns", "7"], ["--again"]):
            capsys.readouterr()
            assert main(["run", "a third", *words, *further]) == ConfigError.exit_code
            assert "takes up nothing but tasks" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="keeps the settings"):
        open_session(folder, tmp_path / "script", [], ["x"])


def test_checkpoints_at_a_service_are_sampled_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDir.create(tmp_path, "run", Recipe())
    for step, sampler in ((0, None), (2, "tinker://run/weights/2")):
        folder = run.checkpoints / f"step-{step:06d}"
        folder.mkdir(parents=True)
        if sampler is not None:
            (folder / "service.json").write_text(json.dumps({"sampler": sampler}))
    asked: list[tuple[str, int]] = []

    def measured(
        start: Any, recipe: Recipe, directory: Any, expert: Any, *, label: str, version: int, resume: bool
    ) -> Any:
        asked.append((recipe.model, version))
        return None, None

    monkeypatch.setattr(commands, "_measured", measured)
    monkeypatch.setattr(commands, "_evaluated", lambda *_: {})
    found = commands.evaluate_checkpoints(run.path, [], of="all", run=None, resume=False)
    assert asked == [(str(run.checkpoints / "step-000000" / "model"), 0), ("tinker://run/weights/2", 2)]
    assert [name for name, _ in found] == ["step-000000", "step-000002"]
    (run.checkpoints / "step-000002" / "service.json").write_text("{}")
    with pytest.raises(CheckpointError, match="where the service keeps the weights"):
        model_of(run.checkpoints / "step-000002")
