"""``mem1 bench``: the benchmarks of a checkout, listed and run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import mem1
from mem1.cli.main import main
from mem1.errors import ConfigError


def test_bench_lists_the_benchmarks_of_the_checkout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--list", "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)]
    assert {"cli_start", "loop_overhead"} <= set(names)


def test_bench_outside_a_checkout_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mem1, "__file__", str(tmp_path / "lib" / "site" / "mem1" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    assert main(["bench"]) == ConfigError.exit_code
    assert "checkout" in capsys.readouterr().err


def test_bench_runs_what_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mem1, "__file__", str(tmp_path / "src" / "mem1" / "__init__.py"))
    (tmp_path / "benchmarks").mkdir()
    for name in ("one", "two"):
        body = f"def run(quick):\n    return {{'ratio': 2.0 if quick else 3.0, 'name': {name!r}}}\n"
        (tmp_path / "benchmarks" / f"{name}.py").write_text(body, encoding="utf-8")
    assert main(["bench", "two", "--quick", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"two": {"ratio": 2.0, "name": "two"}}
    assert main(["bench", "--all", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["one"]["ratio"] == 3.0


def test_bench_hands_a_recipe_and_a_folder_to_those_that_take_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(mem1, "__file__", str(tmp_path / "src" / "mem1" / "__init__.py"))
    (tmp_path / "benchmarks").mkdir()
    bodies = {"of_a_recipe": "def run(quick, recipe=None, runs=None):", "other": "def run(quick):"}
    for name, head in bodies.items():
        body = f"{head}\n    return {{'got': ' '.join(map(str, (recipe, runs)))}}\n"
        (tmp_path / "benchmarks" / f"{name}.py").write_text(body, encoding="utf-8")
    assert main(["bench", "of_a_recipe", "--recipe", "a.toml", "--run", "runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["of_a_recipe"]["got"] == "a.toml runs"
    assert main(["bench", "other", "--recipe", "a.toml"]) == ConfigError.exit_code
    assert "takes no --recipe" in capsys.readouterr().err
