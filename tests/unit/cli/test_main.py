"""The command line: parse, call, print, exit code."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mem1
from mem1.cli.main import COMMANDS, main
from mem1.config import Config
from mem1.errors import CheckpointError, ConfigError, IncompleteError, StorageError
from mem1.storage.run_dir import RunDir
from mem1.types import Composition, Objective, Task
from tests.ending import started

TASK = Task(
    id="t1",
    composition=Composition.PARALLEL,
    reveal="upfront",
    split="train",
    objectives=(Objective(id="o1", question="Größte Insel?", answers=("Grönland",), source="s"),),
)
Recipes = Callable[..., list[Any]]
EVALUATED: dict[str, Any] = {"cells": [], "ceiling": [], "remembered": [], "failed": 0, "findings": []}


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> Recipes:
    """Put a composition root in place whose functions record how they were called and do what is asked."""

    def install(result: object = None, error: BaseException | None = None) -> list[Any]:
        calls: list[Any] = []

        def act(name: str) -> Callable[..., object]:
            def call(*positional: object, **named: object) -> object:
                calls.append((name, *positional, named))
                if error is not None:
                    raise error
                return result

            return call

        names = ("train", "warmstart", "distill", "evaluate", "compare", "demo", "compose", "views")
        monkeypatch.setattr(mem1, "commands", SimpleNamespace(**{name: act(name) for name in names}), raising=False)
        return calls

    return install


def test_help_names_every_command_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in COMMANDS)
    assert "2 ConfigError, 3 DataError" in text
    assert "130 interrupted" in text


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_a_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert f"mem1 {name}" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"mem1 {mem1.__version__}\n"


def test_a_mistyped_command_is_met_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trian"]) == 2
    assert "did you mean 'train'?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--train.steps", "20"], ["train.steps=20"]),
        (["--train.steps=20"], ["train.steps=20"]),
        (["--set", "train.steps=20"], ["train.steps=20"]),
        (["--a.b", "-0.5", "--set", "seed=3", "--a.b.c=x=y"], ["a.b=-0.5", "seed=3", "a.b.c=x=y"]),
    ],
)
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("name", ["train", "warmstart", "distill", "evaluate", "demo"])
def test_recipe_keys_are_flags_in_any_place(
    recipes: Recipes, name: str, flags: list[str], expected: list[str], before: bool, tmp_path: Path
) -> None:
    path = tmp_path / "r.toml"
    path.touch()
    calls = recipes({"run": "runs/1"} | EVALUATED)
    words = [name, *flags, str(path)] if before else [name, str(path), *flags]
    assert main([*words, "--run", "runs/1", "--resume"]) == 0
    assert calls == [(name, path, expected, {"run": Path("runs/1"), "resume": True})]


COMPARED: dict[str, Any] = {
    "report": "runs/1/report.html",
    "verdicts": [{"strategy": "state"}],
    "quality": [{"Tasks": "parallel 2", "Strategy": "state", "ΔEM": "-0.5*"}],
    "costs": [{"Tasks": "parallel 2", "Strategy": "state", "Peak": "0.25*"}],
    "cells": [{"tasks": "parallel-2", "strategy": "state", "em": 0.5}],
    "failed": 0,
    "ceiling": [],
    "remembered": [],
    "retention": [],
    "findings": [],
}


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], []),
        (["--equal-budget", "--env.top_k", "2"], ["evaluate.equal_budget=state", "env.top_k=2"]),
        (["--equal-budget", "400"], ["evaluate.equal_budget=400"]),
        (["--baseline", "window"], ["evaluate.baseline=window"]),
        (["--evaluate.strategies", '["state"]'], ['evaluate.strategies=["state"]']),
    ],
)
def test_a_comparison_runs_all_strategies_unless_told_otherwise(
    recipes: Recipes, flags: list[str], expected: list[str]
) -> None:
    calls = recipes(COMPARED)
    assert main(["evaluate", "x.toml", "--compare", *flags]) == 0
    all_of_them = "evaluate.strategies=all"
    assert calls == [("compare", Path("x.toml"), [all_of_them, *expected], {"run": None, "resume": False})]


def test_a_comparison_prints_what_is_lost_and_what_is_saved(
    recipes: Recipes, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes(COMPARED)
    assert main(["evaluate", "x.toml", "--compare"]) == 0
    printed = capsys.readouterr()
    assert all(text in printed.out for text in ("ΔEM", "-0.5*", "Peak", "0.25*", "what it costs", "what it saves"))
    assert "report: runs/1/report.html" in printed.err
    assert main(["evaluate", "x.toml", "--compare", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        key: COMPARED[key] for key in ("report", "verdicts", "cells", "retention", "ceiling", "failed", "findings")
    }


@pytest.mark.parametrize("flags", [[], ["--compare"], ["--json"], ["--compare", "--json"]])
def test_a_partly_failed_evaluation_says_so_and_has_an_exit_code_of_its_own(
    recipes: Recipes, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    said = "3 of 16 episodes failed (state 3): 3 x BackendError: [bold]gone\u202e. Run them anew: mem1 evaluate x"
    recipes(COMPARED | {"failed": 3, "findings": [said]})
    assert main(["evaluate", "x.toml", *flags]) == IncompleteError.exit_code == 9
    printed = capsys.readouterr()
    assert "note: 3 of 16 episodes failed (state 3): 3 x BackendError: [bold]gone" in printed.err
    assert "\u202e" not in printed.err
    if "--json" in flags:
        json.loads(printed.out)
    else:
        assert "evaluated" in printed.out, "what succeeded is printed nevertheless"


def test_an_equal_budget_needs_no_comparison(recipes: Recipes) -> None:
    calls = recipes(EVALUATED)
    assert main(["evaluate", "x.toml", "--equal-budget", "300"]) == 0
    assert calls == [("evaluate", Path("x.toml"), ["evaluate.equal_budget=300"], {"run": None, "resume": False})]


def test_without_options_a_new_run_begins(recipes: Recipes) -> None:
    calls = recipes({})
    assert main(["train", "x.toml"]) == 0
    assert calls == [("train", Path("x.toml"), [], {"run": None, "resume": False})]


def test_the_demo_finds_its_own_recipe_from_anywhere(
    recipes: Recipes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    calls = recipes(EVALUATED)
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    assert calls == [("demo", Path("demo"), [], {"run": None, "resume": False})]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "required: RECIPE"),
        (["train", "x.toml", "--sed", "3"], "there is no option or key --sed (did you mean --seed?)"),
        (["train", "x.toml", "--resum"], "there is no option or key --resum (did you mean --resume?)"),
        (["train", "x.toml", "--train.steps"], "--train.steps has no value"),
        (["train", "x.toml", "--train.steps", "--resume"], "--train.steps has no value"),
        (["evaluate", "x.toml", "--equal-budget", "much"], "'much' is no whole number above 0"),
        (["views", "m", "--turns", "many"], "'many' is no whole number above 0"),
        (["views", "m", "--episodes", "0"], "'0' is no whole number above 0"),
        (["view", "runs/1", "--port", "http"], "http is no port"),
        (["view", "runs/1", "--port", "70000"], "70000 is no port"),
        (["report", "runs/1", "runs/2", "--picture", "x.svg"], "--picture shows one run"),
        (["bench", "no_such_benchmark"], "no such benchmark: no_such_benchmark"),
    ],
)
def test_a_wrong_command_line_is_a_configuration_error(
    recipes: Recipes, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = recipes({})
    assert main(words) == ConfigError.exit_code
    printed = capsys.readouterr()
    assert message in printed.err
    assert "hint: " in printed.err
    assert printed.out == ""
    assert calls == []


def test_json_is_one_document(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    summary = {"run": "runs/1", "reward": 0.123456789, "em": {"2": 1.5}, "none": None}
    recipes(summary)
    assert main(["train", "x.toml", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary


def test_people_get_a_table(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    recipes({"run": "runs/[bold]1", "em": {"2": 0.123456789}, "done": True})
    assert main(["train", "x.toml"]) == 0
    text = capsys.readouterr().out
    assert "runs/[bold]1" in text
    assert "em.2" in text
    assert "0.1235" in text
    assert "0.12345" not in text
    assert "yes" in text


def test_rows_become_a_table(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    calls = recipes([{"view": "packed", "mean": 0.0}, {"view": "legacy", "mean": 3.65, "outside": 0.96}])
    assert main(["views", "builtin:tiny", "--turns", "3"]) == 0
    assert calls == [("views", "builtin:tiny", {"turns": 3, "episodes": 4, "seed": 0})]
    text = capsys.readouterr().out
    assert all(word in text for word in ("view", "mean", "outside", "packed", "3.65", "0.96"))


def test_columns_without_room_are_named(
    recipes: Recipes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = {"tasks": "sequential-2", "strategy": "state"} | {f"measure_{i}": 0.5 for i in range(20)}
    recipes(EVALUATED | {"cells": [cell]})
    monkeypatch.setenv("COLUMNS", "60")
    assert main(["evaluate", "x.toml"]) == 0
    text = capsys.readouterr().out
    assert "sequential-2 │ state" in text
    assert "measure_1" in text.splitlines()[2]
    assert "no room for measure_2, measure_3," in text


def test_our_errors_are_short_and_set_the_exit_code(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    recipes(error=CheckpointError("step 3 is damaged [/bold]", where="runs/1", hint="use step 2"))
    assert main(["train", "x.toml"]) == 5
    printed = capsys.readouterr()
    assert printed.err == "error: step 3 is damaged [/bold]\n  where: runs/1\n  hint: use step 2\n"
    assert printed.out == ""


def test_our_errors_are_json_for_machines(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    recipes(error=CheckpointError("damaged", where="runs/1", hint="use step 2"))
    assert main(["train", "x.toml", "--json"]) == 5
    record = {"type": "CheckpointError", "what": "damaged", "where": "runs/1", "hint": "use step 2"}
    assert json.loads(capsys.readouterr().out) == {"error": record}


def test_debug_adds_the_traceback(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    recipes(error=CheckpointError("damaged"))
    assert main(["train", "x.toml", "--debug"]) == 5
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_keeps_its_traceback(recipes: Recipes) -> None:
    recipes(error=ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError, match="a bug"):
        main(["train", "x.toml"])


def test_a_missing_package_is_named_with_a_hint(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    recipes(error=ModuleNotFoundError("No module named 'torch'", name="torch"))
    assert main(["train", "x.toml"]) == 1
    printed = capsys.readouterr().err
    assert "'torch' is not installed" in printed
    assert "pip install -c constraints.txt" in printed


def test_a_missing_module_of_our_own_is_a_bug(recipes: Recipes) -> None:
    recipes(error=ModuleNotFoundError("No module named 'mem1.nothing'", name="mem1.nothing"))
    with pytest.raises(ModuleNotFoundError):
        main(["train", "x.toml"])


def test_ctrl_c_ends_with_130(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    recipes(error=KeyboardInterrupt())
    assert main(["train", "x.toml"]) == 130
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert "--resume" in printed.err
    assert printed.out == ""


def test_ctrl_c_is_told_to_machines_too(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    recipes(error=KeyboardInterrupt())
    assert main(["evaluate", "x.toml", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["error"]["type"] == "Interrupted"


@pytest.mark.parametrize("command", ["train", "warmstart"])
def test_a_run_that_ctrl_c_ended_early_is_still_summed_up(
    recipes: Recipes, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = {"run": "runs/1", "steps": 3, "interrupted": True}
    recipes(summary)
    assert main([command, "x.toml", "--json"]) == 130
    assert json.loads(capsys.readouterr().out) == summary


def test_compose_prints_one_task_a_line(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    calls = recipes([TASK, TASK])
    assert main(["compose", "x.toml", "--tasks.size=2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Task.model_validate_json(line) for line in lines] == [TASK, TASK]
    assert calls == [("compose", Path("x.toml"), ["tasks.size=2"], {})]


def test_compose_prints_one_list_for_machines(recipes: Recipes, capsys: pytest.CaptureFixture[str]) -> None:
    recipes([TASK, TASK])
    assert main(["compose", "x.toml", "--json"]) == 0
    assert [Task.model_validate(one) for one in json.loads(capsys.readouterr().out)] == [TASK, TASK]


def test_compose_writes_a_file(recipes: Recipes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipes([TASK])
    path = tmp_path / "deep" / "tasks.jsonl"
    assert main(["compose", "x.toml", "--out", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"tasks": 1, "file": str(path)}
    assert Task.model_validate_json(path.read_text(encoding="utf-8")) == TASK


@pytest.fixture
def empty_run(tmp_path: Path) -> Path:
    """A run in which nothing happened yet."""
    return RunDir.create(tmp_path, "empty", Config()).path


def test_report_says_where_it_is(empty_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(empty_run), "--json"]) == 0
    (written,) = json.loads(capsys.readouterr().out)
    assert written == {
        "html": str(empty_run / "report.html"),
        "markdown": str(empty_run / "report.md"),
        "json": str(empty_run / "report.json"),
    }
    assert all(Path(path).stat().st_size > 0 for path in written.values())


@pytest.mark.parametrize(("command", "said"), [("report", "is not a run directory"), ("view", "no run in")])
def test_a_directory_without_a_run_is_refused(
    command: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, str(tmp_path)]) == StorageError.exit_code
    assert said in capsys.readouterr().err


def test_view_prints_its_address_and_ends_well_with_ctrl_c(
    empty_run: Path,
) -> None:
    command = [sys.executable, "-m", "mem1.cli.main", "view", str(empty_run), "--json"]
    with started(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        while not said.rstrip().endswith("}"):
            said += process.stdout.readline()
        address = json.loads(said)["open"]
        with urllib.request.urlopen(address) as answer:
            assert "<html" in answer.read().decode()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


@pytest.mark.skipif(not Path("/dev/full").is_char_device(), reason="this system has no /dev/full")
@pytest.mark.parametrize("words", [["--help"], ["bench", "--list", "--json"]])
def test_output_to_a_full_disk_is_an_error_of_its_own(words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "mem1.cli.main", *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == StorageError.exit_code
    assert done.stderr.startswith("error: cannot write: No space left on device")
    assert "Traceback" not in done.stderr
