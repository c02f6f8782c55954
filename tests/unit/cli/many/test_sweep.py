"""A sweep runs all its members whatever becomes of one, goes on where it was left, and can be printed instead.

The members here are a program of the shell that notes how it was called and ends as it is told.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import pytest

from mem1.cli.main import main
from mem1.errors import IncompleteError, StorageError

KEYS = ["train", "parallel", "--train.optimizer.lr", "1e-6,3e-6", "--train.steps", "5", "--seeds", "2"]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Notes its words in ``calls``; ends with the code in the file ``code-MEMBER``, else with 0."""
    script = tmp_path / "program"
    script.write_text(
        f'#!/bin/sh\necho "$@" >> {tmp_path}/calls\nfor word; do\n'
        f'  code="{tmp_path}/code-$(basename "$word")"\n  [ -f "$code" ] && exit $(cat "$code")\ndone\nexit 0\n'
    )
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    return tmp_path


def calls(folder: Path) -> list[str]:
    """The members that were run, in order, since this was asked last."""
    noted = folder / "calls"
    found = [line.split(" --run ")[1].split()[0] for line in noted.read_text().splitlines()] if noted.exists() else []
    noted.unlink(missing_ok=True)
    return [Path(one).name for one in found]


ALL = ["lr-1e-6_seed-0", "lr-1e-6_seed-1", "lr-3e-6_seed-0", "lr-3e-6_seed-1"]


def test_all_are_run_one_after_another(program: Path) -> None:
    assert main(["sweep", *KEYS, "--into", str(program / "s")]) == 0
    first = (program / "calls").read_text().splitlines()[0]
    assert first == (
        f"-m mem1 train parallel --train.optimizer.lr 1e-6 --train.steps 5 --seed 0 --run {program}/s/lr-1e-6_seed-0"
    )
    assert calls(program) == ALL


def test_one_that_fails_ends_no_other_and_is_the_only_one_run_again(
    program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--into", str(program / "s")]
    (program / "code-lr-1e-6_seed-1").write_text("4")
    assert main(["sweep", *KEYS, *folder, "--json"]) == IncompleteError.exit_code
    assert json.loads(capsys.readouterr().out)["failed"] == {"lr-1e-6_seed-1": 4}
    assert calls(program) == ALL
    (program / "code-lr-1e-6_seed-1").unlink()
    assert main(["sweep", *KEYS, *folder, "--resume"]) == 0
    assert calls(program) == ["lr-1e-6_seed-1"]


def test_ctrl_c_stops_the_sweep_and_it_goes_on_there(program: Path) -> None:
    folder = ["--into", str(program / "s")]
    (program / "code-lr-1e-6_seed-1").write_text("130")
    assert main(["sweep", *KEYS, *folder]) == 130
    assert calls(program) == ALL[:2]
    (program / "code-lr-1e-6_seed-1").unlink()
    assert main(["sweep", *KEYS, *folder, "--resume"]) == 0
    assert calls(program) == ALL[1:]


def test_a_member_that_was_begun_goes_on(program: Path) -> None:
    begun = program / "s" / ALL[0]
    folder = ["--into", str(program / "s")]
    (program / f"code-{ALL[0]}").write_text("1")
    main(["sweep", *KEYS, *folder])
    begun.mkdir()
    (begun / "versions.json").write_text("{}")
    (program / "calls").unlink()
    main(["sweep", *KEYS, *folder, "--resume"])
    assert (program / "calls").read_text().strip().endswith(f"{ALL[0]} --resume")


def test_another_sweep_in_its_folder_is_refused(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--into", str(program / "s")]
    assert main(["sweep", *KEYS, *folder]) == 0
    assert main(["sweep", *KEYS, *folder]) == 2
    assert "there is a sweep already" in capsys.readouterr().err
    assert main(["sweep", *KEYS[:-1], "3", *folder, "--resume"]) == 2
    assert "begun with other members" in capsys.readouterr().err


def test_a_mistake_in_one_value_is_found_before_anything_runs(program: Path) -> None:
    words = ["sweep", "train", "parallel", "--train.steps", "5,none", "--into", str(program / "s")]
    assert main(words) == 2
    assert calls(program) == []
    assert not (program / "s").exists()


def test_commands_for_a_scheduler_are_printed_and_nothing_is_done(
    program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", *KEYS, "--into", str(program / "s"), "--print"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [Path(shlex.split(line)[-1]).name for line in lines] == ALL
    assert all(line.startswith("mem1 train parallel --train.optimizer.lr ") for line in lines)
    assert not (program / "s").exists()


def test_seeds_count_from_the_first(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["sweep", "train", "parallel", "--seeds", "2", "--first-seed", "7", "--into", "x", "--print", "--json"])
    assert [one["name"] for one in json.loads(capsys.readouterr().out)] == ["seed-7", "seed-8"]


def test_a_damaged_list_of_what_is_finished_is_told(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = ["--into", str(program / "s")]
    assert main(["sweep", *KEYS, *folder]) == 0
    (program / "s" / "sweep-done.json").write_text("7")
    assert main(["sweep", *KEYS, *folder, "--resume"]) == StorageError.exit_code
    assert "sweep-done.json holds no list of runs" in capsys.readouterr().err
