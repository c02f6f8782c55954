"""A resumed run cuts back its own files, and no others, whatever its checkpoint says."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.config import Config
from mem1.errors import CheckpointError
from mem1.storage.run_dir import RunDir
from mem1.train.recorder import growing_files, rewind


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir.create(tmp_path, "run", Config())
    run.metrics.write_bytes(b"one\ntwo\n")
    episodes = run.episodes("train", compressed=True)
    episodes.parent.mkdir()
    episodes.write_bytes(b"12345")
    return run


def test_files_are_cut_back_to_their_marks(run: RunDir) -> None:
    rewind(run, {"metrics.jsonl": 4, "episodes/train.jsonl.gz": 5}, episodes="train")
    assert [path.read_bytes() for path in growing_files(run, "train")] == [b"one\n", b"12345"]


def test_what_the_checkpoint_does_not_know_of_is_left_alone(run: RunDir) -> None:
    rewind(run, {}, episodes="train")
    assert run.metrics.read_bytes() == b"one\ntwo\n"


def test_a_file_that_has_become_shorter_is_an_error_and_nothing_is_cut(run: RunDir) -> None:
    with pytest.raises(CheckpointError, match="has 8 bytes, but had 9"):
        rewind(run, {"metrics.jsonl": 9}, episodes="train")


@pytest.mark.parametrize(
    "name",
    [
        "{victim}",
        "../precious",
        "episodes/../../precious",
        "./metrics.jsonl",
        "config.json",
        "episodes/other.jsonl.gz",
        "metrics.jsonl\x00",
        "",
        ".",
    ],
)
def test_a_checkpoint_that_names_any_other_file_cuts_nothing(run: RunDir, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "precious"
    victim.write_text("mine")
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match="which no run of this kind has"):
        rewind(run, {"metrics.jsonl": 0, name.format(victim=victim): 0}, episodes="train")
    assert victim.read_text() == "mine"
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def test_a_warm_start_knows_of_metrics_only(run: RunDir) -> None:
    with pytest.raises(CheckpointError, match=r"episodes/train\.jsonl\.gz"):
        rewind(run, {"episodes/train.jsonl.gz": 0}, episodes=None)
