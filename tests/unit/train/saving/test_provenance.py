"""Which step a model on disk is from."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.config import Config
from mem1.errors import CheckpointError
from mem1.inference.hf.loading import load_tokenizer
from mem1.storage.run_dir import RunDir
from mem1.train.saving.checkpoint import Checkpoints, get_rng
from mem1.train.saving.export import export
from mem1.train.saving.provenance import MODEL, steps_of
from tests.unit.train.saving.test_checkpoint import progress, trained


def test_a_checkpoint_and_an_export_tell_their_step(tmp_path: Path) -> None:
    run = RunDir.create(tmp_path, "run", Config())
    checkpoints = Checkpoints(run.checkpoints, keep=1, extra_files=load_tokenizer("builtin:tiny").save)
    saved = checkpoints.save(trained(), progress(7), get_rng())
    export(run, tmp_path / "model", dtype="float32")
    assert steps_of(str(saved / MODEL)) == 7
    assert steps_of(str(tmp_path / "model")) == 7
    assert steps_of("builtin:tiny") == 0
    assert steps_of(str(tmp_path)) == 0
    (tmp_path / "model" / "mem1.json").write_text('{"step": "many"}')
    with pytest.raises(CheckpointError, match="which step"):
        steps_of(str(tmp_path / "model"))
