"""A run directory from somebody else cannot lead to files of ours."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from mem1.config import Config
from mem1.errors import StorageError
from mem1.report.build import build_report
from mem1.report.viewer.app import serve
from mem1.storage.guards.own import refuse_strange_files
from mem1.storage.run_dir import RunDir

PLACES = ["metrics.jsonl", "report.html", "episodes/train.jsonl.gz", "evaluation/base.json", "checkpoints/latest"]


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    path = tmp_path / "precious"
    path.write_text("mine")
    return path


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    return RunDir.create(tmp_path, "run", Config())


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("use", [RunDir.open, build_report, serve])
def test_a_link_in_a_run_is_refused_wherever_it_lies(
    run: RunDir, victim: Path, place: str, use: Callable[[Path], object]
) -> None:
    (run.path / place).parent.mkdir(exist_ok=True)
    (run.path / place).symlink_to(victim)
    with pytest.raises(StorageError, match="a link lies in the run directory") as caught:
        use(run.path)
    assert caught.value.where == str(run.path / place)
    assert victim.read_text() == "mine"


@pytest.mark.parametrize("folder", ["episodes", "checkpoints", "tensorboard", "vocabulary", "anything/below"])
def test_a_linked_folder_is_refused(run: RunDir, tmp_path: Path, folder: str) -> None:
    (tmp_path / "outside").mkdir()
    (run.path / folder).parent.mkdir(exist_ok=True)
    (run.path / folder).symlink_to(tmp_path / "outside")
    with pytest.raises(StorageError, match="a link lies in"):
        RunDir.open(run.path)


def test_a_dangling_link_is_refused_before_anything_is_made_through_it(run: RunDir, tmp_path: Path) -> None:
    run.metrics.symlink_to(tmp_path / "new")
    with pytest.raises(StorageError, match="a link lies in"):
        RunDir.open(run.path)


def test_pipes_and_sockets_are_refused_instead_of_waited_for(run: RunDir) -> None:
    os.mkfifo(run.metrics)
    with pytest.raises(StorageError, match="a pipe, socket or device"):
        RunDir.open(run.path)
    run.metrics.unlink()
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(run.metrics))
        with pytest.raises(StorageError, match="a pipe, socket or device"):
            RunDir.open(run.path)


def test_a_run_that_is_reached_through_a_link_is_opened(run: RunDir, tmp_path: Path) -> None:
    (tmp_path / "by-name").symlink_to(run.path)
    assert RunDir.open(tmp_path / "by-name").config(Config) == Config()


def test_a_missing_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="look through"):
        refuse_strange_files(tmp_path / "nowhere")
