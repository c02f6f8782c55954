"""Checkpoints that are whole or not there, and that say when they are damaged.

    checkpoints/step-000120/checkpoint.json   what it is, and size and SHA-256 of every other file
                            model/            the policy as ``save_pretrained`` writes it, or its adapter alone
                            NAME.safetensors  further modules (value head, critic)
                            state.pt          optimizer and random generators
    checkpoints/latest                        the name of the last complete one
                best.json                     which one scored best on the watched tasks, and how much

A checkpoint is written into a temporary directory, flushed to disk, and renamed into place; then ``latest`` is
replaced atomically. A crash or a full disk at any moment leaves the former checkpoint valid.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import uuid
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from pydantic import Field, NonNegativeInt, ValidationError
from safetensors.torch import load_model as load_module
from safetensors.torch import save_model as save_module
from torch import nn

from mem1.config import Config, build, differences
from mem1.errors import CheckpointError, ConfigError, StorageError, boundary
from mem1.inference.hf.loading import no_bars, save_model
from mem1.storage.atomic import (
    read_document,
    read_json,
    storage_errors,
    sync_directory,
    sync_tree,
    write_atomic,
    write_json,
)
from mem1.train.config import may_go_on
from mem1.train.policy.adapters import is_adapted, load_adapter, save_adapter
from mem1.train.saving.provenance import BEST, MANIFEST, MODEL, best_of, checkpoints_in
from mem1.types import Record

if TYPE_CHECKING:
    from transformers import PreTrainedModel

LATEST = "latest"
STATE = "state.pt"  # written by torch, and read as tensors and plain values only
_PICKLES = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"}
_MANIFEST_LIMIT = 16 << 20  # bytes


class Progress(Record):
    """Where a run stands. ``marks`` are sizes in bytes of the files that grow with it, by name in the run."""

    step: NonNegativeInt
    config: dict[str, Any]
    marks: dict[str, NonNegativeInt] = Field(default_factory=dict)
    without_signal: int = 0
    trained_tokens: int = 0
    episodes: int = 0


class File(Record):
    """One file of a checkpoint."""

    size: int
    sha256: str


class Manifest(Record):
    """The content of ``checkpoint.json``."""

    progress: Progress
    files: dict[str, File]


class Saved(Protocol):
    """What learns, as a checkpoint sees it."""

    def write(self, folder: Path, rng: Mapping[str, Any]) -> None:
        """Write all of its state, and ``rng`` (see ``get_rng``), as files into ``folder``."""

    def read(self, folder: Path) -> Mapping[str, Any]:
        """Take on the state in ``folder``, whose files are whole; returns ``rng``."""


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights and an optimizer in this process. ``modules`` are those beside the model, by name."""

    model: PreTrainedModel
    modules: Mapping[str, nn.Module]
    optimizer: torch.optim.Optimizer

    def write(self, folder: Path, rng: Mapping[str, Any]) -> None:
        """The model into ``model/``, modules beside it, optimizer and ``rng`` into ``state.pt``."""
        _save_weights(self.model, folder / MODEL)
        for name, module in self.modules.items():
            save_module(module, str(folder / f"{name}.safetensors"))
        torch.save({"optimizer": self.optimizer.state_dict(), "rng": rng}, folder / STATE)

    def read(self, folder: Path) -> Mapping[str, Any]:
        """Tensors and plain values only: nothing in the files is run."""
        _load_weights(self.model, folder / MODEL)
        for name, module in self.modules.items():
            load_module(module, folder / f"{name}.safetensors", device=str(self.model.device))
        state = torch.load(folder / STATE, map_location="cpu", weights_only=True)
        self.optimizer.load_state_dict(state["optimizer"])
        rng: Mapping[str, Any] = state["rng"]
        return rng


class Checkpoints:
    """The checkpoints of one run.

    Args:
        directory: Where they are.
        keep: How many of the newest to keep.
        keep_every: Those after so many steps, and after each multiple, are kept too; 0: none.
        extra_files: Writes what belongs beside the weights (the tokenizer) into the model's directory.
    """

    def __init__(
        self,
        directory: Path,
        *,
        keep: int,
        keep_every: int = 0,
        extra_files: Callable[[Path], None] | None = None,
    ) -> None:
        self.directory = directory
        self._keep = keep
        self._keep_every = keep_every
        self._companions = extra_files

    def latest(self) -> Path | None:
        """The last complete checkpoint, or ``None`` if none was ever written.

        Raises:
            CheckpointError: ``latest`` names a checkpoint that is not there.
        """
        marker = self.directory / LATEST
        if not marker.is_file():
            found = self._all()
            return found[-1] if found else None
        name = marker.read_text(encoding="utf-8", errors="replace").strip()
        path = self.directory / name
        if path not in self._all():
            raise CheckpointError(
                f"the last checkpoint, {name!r}, is missing",
                where=str(marker),
                hint="restore it, or write the name of another checkpoint of this directory into 'latest'",
            )
        return path

    def save(self, trained: Saved, progress: Progress, rng: dict[str, Any]) -> Path:
        """Write a checkpoint of ``progress.step``, unless it is the latest already, and forget the oldest ones.

        Raises:
            CheckpointError, StorageError: The disk is full or not writable. The former checkpoint is still the latest.
        """
        path = self.directory / f"step-{progress.step:06d}"
        if self.latest() == path:
            return path
        temporary = self.directory / f".{path.name}.{uuid.uuid4().hex}.tmp"
        with storage_errors("write a checkpoint", path):
            self.directory.mkdir(parents=True, exist_ok=True)
            self._sweep()
            try:
                self._write(temporary, trained, progress, rng)
                if path.exists():
                    os.replace(path, self.directory / f".{path.name}.{uuid.uuid4().hex}.tmp")
                os.replace(temporary, path)
                sync_directory(self.directory)
            except BaseException:
                with suppress(OSError):
                    shutil.rmtree(temporary)
                raise
            write_atomic(self.directory / LATEST, (path.name + "\n").encode())
            self._sweep()
            for old in self._all()[: -self._keep]:
                if old != path and not self._stays(old):
                    shutil.rmtree(old)
        return path

    def found_best(self, step: int, score: float) -> None:
        """Keep the checkpoint of ``step``, which is there, as the best by its ``score``. Raises ``StorageError``."""
        write_json(self.directory / BEST, {"step": step, "score": score})

    def _stays(self, path: Path) -> bool:
        """Whether a checkpoint is kept however old it is."""
        step = int(path.name.removeprefix("step-"))
        found = best_of(self.directory)
        return (found is not None and step == found.step) or bool(
            self._keep_every and step and not step % self._keep_every
        )

    def load(self, path: Path, trained: Saved, config: Config) -> Progress:
        """Put a checkpoint's state into ``trained`` and into the random generators.

        Raises:
            CheckpointError: Damaged, made with another configuration, or from a model of another shape.
        """
        progress = read_progress(path)
        _same_config(progress, config, path)
        progress = progress.model_copy(update={"config": config.model_dump(mode="json")})
        with boundary(f"cannot load the checkpoint {path.name}", CheckpointError, hint=_hint(path)):
            set_rng(trained.read(path))
        return progress

    def _write(self, path: Path, trained: Saved, progress: Progress, rng: dict[str, Any]) -> None:
        path.mkdir()
        with boundary(
            "cannot write a checkpoint",
            CheckpointError,
            hint="make room on the disk or choose another one; the former checkpoint is intact",
        ):
            trained.write(path, rng)
            if self._companions is not None:
                self._companions(path / MODEL)
        files = {str(file.relative_to(path)): _describe(file) for file in sorted(path.rglob("*")) if file.is_file()}
        write_json(path / MANIFEST, Manifest(progress=progress, files=files).model_dump(mode="json"))
        sync_tree(path)

    def _all(self) -> list[Path]:
        return list(checkpoints_in(self.directory).values())

    def _sweep(self) -> None:
        """Remove what crashes and replacements left behind."""
        for path in self.directory.glob(".step-*.tmp"):
            shutil.rmtree(path, ignore_errors=True)


def _save_weights(model: PreTrainedModel, folder: Path) -> None:
    if is_adapted(model):
        save_adapter(model, folder)
        return
    save_model(model, folder)


def _load_weights(model: PreTrainedModel, folder: Path) -> None:
    if is_adapted(model):
        load_adapter(model, folder)
        return
    with no_bars():
        fresh = type(model).from_pretrained(folder, dtype=model.dtype, use_safetensors=True, local_files_only=True)
    model.load_state_dict(fresh.state_dict())


def read_progress(path: Path) -> Progress:
    """Check every file of a checkpoint against its size and SHA-256 and return where the run stood.

    The checkpoint may be somebody else's, with checksums to match: it may hold plain files that it names and nothing
    else, name none outside itself, and hold no pickles, which run code when they are loaded.

    Raises:
        CheckpointError: Something is missing, damaged or does not belong there.
    """
    try:
        manifest = Manifest.model_validate_json(read_document(path / MANIFEST, _MANIFEST_LIMIT))
    except (StorageError, ValidationError) as error:
        raise CheckpointError(
            f"{path.name} is not a whole checkpoint: {type(error).__name__} in {MANIFEST}",
            where=str(path),
            hint=_hint(path),
        ) from error
    there = {str(file.relative_to(path)) for file in path.rglob("*") if not file.is_dir()} - {MANIFEST}
    strange = sorted(there - manifest.files.keys())
    pickles = sorted(name for name in there if name != STATE and Path(name).suffix in _PICKLES)
    if strange or pickles:
        raise CheckpointError(
            f"{path.name} holds {(pickles or strange)[0]}, which no checkpoint of ours does",
            where=str(path),
            hint="delete the file if you know it; a checkpoint holds weights as safetensors and nothing that runs",
        )
    for name, expected in manifest.files.items():
        file = path / name
        if name not in there:
            raise CheckpointError(f"{path.name} lacks {name}", where=str(path / MANIFEST), hint=_hint(path))
        if file.stat().st_size != expected.size or _describe(file) != expected:
            raise CheckpointError(f"{name} of {path.name} is damaged", where=str(file), hint=_hint(path))
    for index in sorted((path / MODEL).glob("*.index.json")):
        _check_shards(index)
    return manifest.progress


def _check_shards(index: Path) -> None:
    """Weights in several files: each must lie beside the index that names it."""
    found = read_json(index)
    shards = found.get("weight_map") if isinstance(found, dict) else None
    beside = {file.name for file in index.parent.iterdir()}
    if not isinstance(shards, dict) or not all(isinstance(name, str) and name in beside for name in shards.values()):
        raise CheckpointError(
            f"{index.name} names weights that are not beside it", where=str(index), hint=_hint(index.parents[1])
        )


def _same_config(progress: Progress, config: Config, path: Path) -> None:
    try:
        saved = build(type(config), progress.config, where=str(path / MANIFEST))
    except ConfigError as error:
        raise CheckpointError(
            f"{path.name} was made by another command or another version: {error.what.splitlines()[0]}",
            where=str(path / MANIFEST),
            hint="resume with the command and the version that began the run, or start a new run",
        ) from error
    changed = differences(saved, config)
    if changed and not may_go_on(saved, config):
        raise CheckpointError(
            f"the checkpoint was made with another configuration; different: {', '.join(changed)}",
            where=str(path),
            hint="resume with the run's own configuration, or start a new run from the checkpoint's model",
        )


def get_rng() -> dict[str, Any]:
    """State of every global random generator, as plain values and tensors."""
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (str(kind), torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached),
    }


def write_rng(folder: Path, rng: Mapping[str, Any]) -> None:
    """Write what ``get_rng`` returned into a checkpoint that holds no optimizer."""
    torch.save({"rng": rng}, folder / STATE)


def read_rng(folder: Path) -> Mapping[str, Any]:
    """What ``write_rng`` wrote: tensors and plain values, nothing that runs."""
    rng: Mapping[str, Any] = torch.load(folder / STATE, map_location="cpu", weights_only=True)["rng"]
    return rng


def set_rng(state: Mapping[str, Any]) -> None:
    """Put back what ``get_rng`` returned."""
    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    random.setstate(state["python"])
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))


def _describe(file: Path) -> File:
    """Size and digest of ``file``. Raises ``StorageError`` where it cannot be read."""
    digest = hashlib.sha256()
    with storage_errors(f"read {file.name}", file), file.open("rb") as stream:
        while block := stream.read(1 << 22):
            digest.update(block)
    return File(size=file.stat().st_size, sha256=digest.hexdigest())


def _hint(path: Path) -> str:
    return f"restore it from a copy, or delete {path.name} and write the name of an older one beside it into 'latest'"
