"""``mem1 runs``: listed, chosen, in an order, for people and for machines."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.cli.main import main
from tests.unit.report.listing.test_seeds import trained


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three runs of two settings, and a damaged one."""
    for name, em, seed, lr in (("a-0", 0.25, 0, 1e-6), ("a-1", 0.75, 1, 1e-6), ("b-0", 0.5, 0, 3e-6)):
        trained(tmp_path, name, em, seed=seed, train={"steps": 4, "optimizer": {"lr": lr}})
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text("{")
    (broken / "versions.json").write_text("{}")
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["runs", *words, "--json"]) == 0
    return [one["name"] for one in json.loads(capsys.readouterr().out)]


def test_runs_are_chosen_by_column_and_put_in_order(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(folder)
    assert sorted(listed(capsys, path)) == ["a-0", "a-1", "b-0", "broken"]
    assert listed(capsys, path, "--where", "status=finished", "--sort", "score") == ["a-1", "b-0", "a-0"]
    assert listed(capsys, path, "--where", "name=a-*", "--where", "seed=1") == ["a-1"]
    assert listed(capsys, path, "--where", "status=damaged") == ["broken"]
    assert listed(capsys, path, "--where", "name=A-*") == []
    assert listed(capsys, path, "--sort", "name") == ["a-0", "a-1", "b-0", "broken"]


def test_a_record_for_machines_says_where_the_run_is_and_what_its_score_is_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["runs", str(folder), "--where", "name=a-1", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert one["path"] == str(folder / "a-1")
    assert (one["score"]["metric"]["mean"], one["score"]["source"]) == (0.75, "watched")
    assert (one["steps"], one["planned"], one["status"]) == (4, 4, "finished")


def test_over_seeds_there_is_a_row_for_each_set_of_settings(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(folder), "--over-seeds", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    found = {row["differing"]["train.optimizer.lr"]: (row["seeds"], row["score"]["mean"]) for row in rows}
    assert found == {1e-6: ([0, 1], 0.5), 3e-6: ([0], 0.5)}


def test_what_cannot_be_read_is_told_and_the_rest_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["runs", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "broken" in err
    assert all(len(line) <= 80 for line in out.splitlines() if "no room" not in line)
    for said in ("a-0", "finished", "0.25", "4/4"):
        assert said in out


@pytest.mark.parametrize("words", [["--where", "colour=red"], ["--where", "status"], ["--sort", "beauty"]])
def test_an_unknown_column_is_refused(folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(folder), *words]) == 2


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(tmp_path / "none")]) != 0
    assert "no such folder" in capsys.readouterr().err
