"""Export: a whole model folder or none, and nothing written over."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from mem1.config import Config
from mem1.errors import CheckpointError, StorageError
from mem1.inference.hf_loading import load_tokenizer
from mem1.storage.run_dir import RunDir
from mem1.train.checkpoint import Checkpoints, get_rng
from mem1.train.export import export
from tests.unit.train.test_checkpoint import progress, trained


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    run = RunDir.create(tmp_path, "run", Config())
    tokenizer = load_tokenizer("builtin:tiny")
    Checkpoints(run.checkpoints, keep=1, companions=tokenizer.save).save(trained(), progress(3), get_rng())
    return run


def test_the_model_comes_out_with_its_tokenizer(run: RunDir, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "deep" / "model"
    assert export(run, folder, dtype="float32") == 3
    expected = trained().model.state_dict()
    found = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    assert all(found[name].equal(value) for name, value in expected.items())
    assert load_tokenizer(str(folder)).vocabulary_size == load_tokenizer("builtin:tiny").vocabulary_size
    assert "Writing" not in capfd.readouterr().err, "no progress bar of transformers"


def test_nothing_is_written_over(run: RunDir, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("thesis")
    for taken in (tmp_path, tmp_path / "file"):
        with pytest.raises(StorageError):
            export(run, taken, dtype="float32")
    assert (tmp_path / "file").read_text() == "thesis"


def test_a_full_disk_leaves_no_half_of_a_model(run: RunDir, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(StorageError, match="cannot export the model"):
            export(run, tmp_path / "model", dtype="float32")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_without_a_checkpoint_has_no_model(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint"):
        export(RunDir.create(tmp_path, "run", Config()), tmp_path / "model", dtype="float32")
