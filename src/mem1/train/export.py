"""Take the model out of a run: a plain Hugging Face folder, without optimizer or run history."""

from __future__ import annotations

from pathlib import Path

import torch

from mem1.errors import CheckpointError, StorageError
from mem1.inference.hf_loading import load_model, load_tokenizer
from mem1.storage.atomic import storage_errors
from mem1.storage.run_dir import RunDir
from mem1.train.checkpoint import Checkpoints, read_progress

MODEL = "model"  # the folder inside a checkpoint


def export(run: RunDir, folder: Path, *, dtype: str) -> int:
    """Write the model of the run's last checkpoint and its tokenizer into ``folder``; returns the step it is from.

    ``dtype`` ("float32", "float16", "bfloat16") is how the weights are stored; they are loaded again as whatever is
    asked for then.

    Raises:
        CheckpointError: There is no checkpoint, or it is damaged.
        StorageError: ``folder`` is not empty, or cannot be written.
    """
    latest = Checkpoints(run.checkpoints, keep=1).latest()
    if latest is None:
        raise CheckpointError("the run has no checkpoint", where=str(run.path), mend="train it first")
    if folder.exists() and any(folder.iterdir()):
        raise StorageError("the folder is not empty", where=str(folder), mend="name a new one")
    step = read_progress(latest).step
    model = load_model(str(latest / MODEL), dtype="float32", device="cpu").to(getattr(torch, dtype))
    model.config.dtype = getattr(torch, dtype)
    with storage_errors("export the model", folder):
        folder.mkdir(parents=True, exist_ok=True)
        model.save_pretrained(folder)
        load_tokenizer(str(latest / MODEL)).save(folder)
    return step
