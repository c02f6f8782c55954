"""Take the model out of a run: a plain Hugging Face folder, without optimizer or run history."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from mem1.errors import CheckpointError, StorageError, boundary
from mem1.inference.folders import ADAPTER_CONFIG, is_adapter
from mem1.inference.hf.adapter import BASE, WEIGHTS
from mem1.inference.hf.loading import load_model, load_tokenizer, save_model
from mem1.storage.atomic import storage_errors, sync_tree
from mem1.storage.run_dir import RunDir
from mem1.train.saving.average import averaged
from mem1.train.saving.checkpoint import Checkpoints, read_progress
from mem1.train.saving.provenance import MODEL, SERVICE, chosen, note_steps

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def export(
    run: RunDir,
    folder: Path,
    *,
    dtype: str,
    adapter: bool = False,
    checkpoint: str = "latest",
    average: Sequence[str] = (),
    beside: Callable[[Path, int], None] | None = None,
) -> int:
    """Write the model of a checkpoint and its tokenizer into ``folder``; returns the step it is from.

    ``checkpoint``: ``latest``, ``best`` (on the watched tasks), or a number of steps.

    ``dtype`` ("float32", "float16", "bfloat16") is how the weights are stored; they are loaded again as whatever is
    asked for then. A low-rank adapter is merged into its base model; with ``adapter`` it is written as it is, in peft's
    format and in float32. With ``average`` the weights are the mean of the checkpoint's and of those models'.
    ``beside`` writes what else belongs into the folder, for the step that it is told.

    Raises:
        CheckpointError: There is no checkpoint, it is damaged, or ``adapter`` is asked for and it holds none.
        ModelError: The base model of an adapter is missing or another one, or a model to average is of another kind.
        StorageError: ``folder`` is not empty, or cannot be written.
    """
    latest = _checkpoint(run, checkpoint)
    with storage_errors("export the model", folder):
        if folder.exists() and any(folder.iterdir()):
            raise StorageError("the folder is not empty", where=str(folder), hint="name a new one")
    step = read_progress(latest).step
    if (latest / SERVICE).is_file():
        raise CheckpointError(
            "the weights of this run are kept by the service that trained it",
            where=str(latest / SERVICE),
            hint="evaluate them there with the same recipe and the path that is called sampler in this file as its "
            "model; the service's own tools download the adapter",
        )
    if adapter and not is_adapter(latest / MODEL):
        raise CheckpointError(
            "the run trained a whole model, there is no adapter",
            where=str(latest),
            hint="leave --adapter out",
        )
    model = None if adapter else _whole(latest / MODEL, dtype, average)
    temporary = folder.with_name(f".{folder.name[:64]}.{uuid.uuid4().hex}.tmp")
    room = "make room on the disk, or choose another one"
    with boundary("cannot export the model", StorageError, hint=room), storage_errors("export the model", folder):
        try:
            temporary.mkdir(parents=True)
            if model is None:
                for name in (ADAPTER_CONFIG, WEIGHTS, BASE):
                    shutil.copyfile(latest / MODEL / name, temporary / name)
            else:
                save_model(model, temporary)
            load_tokenizer(str(latest / MODEL)).save(temporary)
            note_steps(temporary, step)
            if beside is not None:
                beside(temporary, step)
            sync_tree(temporary)
            os.replace(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
    return step


def _checkpoint(run: RunDir, wanted: str) -> Path:
    if wanted != "latest":
        found = list(chosen(run.checkpoints, wanted).values())
        if len(found) != 1:
            raise CheckpointError("one checkpoint is exported", where="--checkpoint", hint="latest, best or a step")
        return found[0]
    latest = Checkpoints(run.checkpoints, keep=1).latest()
    if latest is None:
        raise CheckpointError("the run has no checkpoint", where=str(run.path), hint="train it first")
    return latest


def _whole(folder: Path, dtype: str, average: Sequence[str]) -> PreTrainedModel:
    model = load_model(str(folder), dtype="float32", device="cpu")
    if average:
        averaged(model, load_tokenizer(str(folder)), average)
    stored: PreTrainedModel = model.to(getattr(torch, dtype))
    stored.config.dtype = getattr(torch, dtype)
    return stored
