"""Versions for machines, quiet, readers that leave, limits, and tables that keep what matters whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import mem1
from mem1.cli import output
from mem1.cli.main import main
from mem1.errors import ConfigError
from mem1.metering import Meter, meter
from mem1.progress import loudness


def test_the_version_for_machines_names_what_it_runs_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["version"] == mem1.__version__
    assert found["versions"]["python"].startswith("3.")


@pytest.mark.parametrize(("flag", "level"), [("--quiet", "quiet"), ("--verbose", "verbose")])
def test_how_much_is_said_holds_while_the_command_runs(
    flag: str, level: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[Any] = []

    def train(*positional: object, **named: object) -> dict[str, str]:
        seen.append((loudness(), meter().max_calls, meter().max_cost))
        return {"run": "runs/1"}

    monkeypatch.setattr(mem1, "commands", SimpleNamespace(train=train), raising=False)
    assert main(["train", "demo", flag, "--max-calls", "7", "--max-cost", "0.5"]) == 0
    assert seen == [(level, 7, 0.5)]
    assert loudness() == "normal"
    assert meter().max_calls is None


@pytest.mark.parametrize(
    "words", [["--quiet", "--verbose"], ["--max-calls", "0"], ["--max-cost", "-1"], ["--max-cost", "inf"]]
)
def test_what_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "demo", *words]) == 2


def test_a_limit_of_money_needs_prices() -> None:
    with pytest.raises(ConfigError, match="nobody knows what a call costs"):
        Meter(max_cost=1.0).priced(None)
    Meter(max_cost=1.0).priced(None, elsewhere=True)
    Meter(max_calls=1).priced(None)


def test_a_reader_that_leaves_ends_the_command_quietly() -> None:
    code = (
        "import sys; from mem1.cli import main, output\n"
        "class Many:\n"
        "    configure = staticmethod(lambda parser: None)\n"
        "    run = staticmethod(lambda arguments: output.show([{'a': i} for i in range(20000)], as_json=False) or 0)\n"
        "main.importlib.import_module = lambda name: Many\n"
        "sys.exit(main.main(['evaluate']))\n"
    )
    ours = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert ours.stdout is not None
    assert ours.stderr is not None
    ours.stdout.readline()
    ours.stdout.close()
    assert ours.stderr.read() == b""
    assert ours.wait(timeout=120) == 0


@pytest.mark.parametrize("width", [40, 80, 200])
def test_paths_are_never_broken(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    path = str(Path("runs") / ("a-very-long-name" * 4) / "checkpoints" / "step-000002")
    output.show({"run": path, "steps": 2}, as_json=False)
    assert path in capsys.readouterr().out


def test_scores_peak_answers_tokens_and_failures_fit_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = {"tasks": "sequential-32", "strategy": "state", "em": 0.5, "f1": 0.625, "peak": 1234.5, "answer_rate": 1.0}
    cell |= {"tokens": 123456.0, "failed": 3, "n": 100, "malformed": 0.125, "turns": 12.5}
    found = {"cells": [cell], "ceiling": [], "remembered": [], "failed": 0, "findings": []}
    monkeypatch.setattr(mem1, "commands", SimpleNamespace(evaluate=lambda *a, **b: found), raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["evaluate", "demo"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 80
    header = shown.splitlines()[2]
    for name in ("em", "f1", "peak", "answered", "tokens", "failed"):
        assert f" {name} " in header, header


def test_a_path_too_long_for_its_column_goes_on_in_the_next_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    found = "data/flashrag/2wikimultihopqa/" + "dev.jsonl"
    row = {
        "name": "file",
        "status": "ok",
        "found": f"{found}, 0.00 GB",
        "hint": "fetch the whole file once more, or say where",
    }
    output.show([row], as_json=False)
    column = [line.split("│")[3].strip() for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "".join(column).startswith(found)
