"""Which checkpoints stay: the newest, the best, milestones; and which are meant by a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mem1.config import build
from mem1.errors import CheckpointError, ConfigError, StorageError
from mem1.train.config import TrainConfig, WarmstartConfig
from mem1.train.loop import watched_score
from mem1.train.saving.checkpoint import Checkpoints, get_rng
from mem1.train.saving.provenance import Best, best_of, checkpoints_in, chosen
from tests.unit.train.saving.test_checkpoint import progress, trained


def test_the_newest_the_best_and_milestones_stay(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, keep=1, keep_every=4)
    state = trained()
    for step in range(8):
        checkpoints.save(state, progress(step), get_rng())
        if step == 2:
            checkpoints.found_best(2, 0.5)
    assert list(checkpoints_in(tmp_path)) == [2, 4, 7]
    assert best_of(tmp_path) == Best(2, 0.5)
    checkpoints.found_best(7, 0.75)
    checkpoints.save(state, progress(8), get_rng())
    assert list(checkpoints_in(tmp_path)) == [4, 7, 8]  # 2 is the best no more


def folders(tmp_path: Path, *steps: int) -> Path:
    for step in steps:
        (tmp_path / f"step-{step:06d}").mkdir()
    (tmp_path / ".step-000099.x.tmp").mkdir()
    (tmp_path / "step-draft").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "expected"), [("all", [0, 8, 16]), ("latest", [16]), ("best", [8]), ("16,0", [0, 16]), ("8", [8])]
)
def test_checkpoints_are_meant_by_a_word_or_their_steps(tmp_path: Path, wanted: str, expected: list[int]) -> None:
    there = folders(tmp_path, 0, 8, 16)
    (there / "best.json").write_text('{"step": 8, "score": 1}')
    assert list(chosen(there, wanted)) == expected


@pytest.mark.parametrize("wanted", ["9", "best", "newest", "8,", "-8", ""])
def test_what_is_not_there_is_refused(tmp_path: Path, wanted: str) -> None:
    with pytest.raises(CheckpointError):
        chosen(folders(tmp_path, 0, 8), wanted)


def test_a_run_without_any_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        chosen(tmp_path, "all")


@pytest.mark.parametrize("text", ["{", "[]", '{"step": 8}', '{"step": true, "score": 1}', '{"step": 8, "score": "1"}'])
def test_a_damaged_note_of_the_best_is_told(tmp_path: Path, text: str) -> None:
    (folders(tmp_path, 8) / "best.json").write_text(text)
    with pytest.raises(StorageError):
        best_of(tmp_path)


def test_a_best_that_is_gone_is_none(tmp_path: Path) -> None:
    (folders(tmp_path, 8) / "best.json").write_text(json.dumps({"step": 16, "score": 1.0}))
    assert best_of(tmp_path) is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"em": 0.5, "f1": 0.6, "answer_rate": 1.0}, 0.5),
        ({"loss": 0.25, "em": 0.5}, 0.5),
        ({"loss": 0.25}, -0.25),
        ({"answer_rate": 1.0}, None),
        ({"em": float("nan")}, None),
    ],
)
def test_the_best_is_chosen_by_the_first_score_or_by_the_loss(values: dict[str, float], expected: float | None) -> None:
    assert watched_score(values) == expected


@pytest.mark.parametrize("kind", [TrainConfig, WarmstartConfig])
def test_a_milestone_without_a_checkpoint_is_refused(kind: type[TrainConfig | WarmstartConfig]) -> None:
    assert build(kind, {"checkpoint_every": 5, "keep_every": 10}, where="test").keep_every == 10
    with pytest.raises(ConfigError, match="keep_every must be a multiple of checkpoint_every"):
        build(kind, {"checkpoint_every": 5, "keep_every": 12}, where="test")
