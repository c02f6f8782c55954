"""Which checkpoints a run has, and how many weight updates a model on disk has seen. No torch here."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mem1.errors import CheckpointError, StorageError
from mem1.reading.files import NOTE
from mem1.reading.objects import read_object
from mem1.storage.atomic import read_json, write_json

MANIFEST = "checkpoint.json"
SERVICE = "service.json"  # in place of weights: where a training service keeps them
MODEL = "model"  # folder of the weights and what belongs beside them
BEST = "best.json"
_STEP = re.compile(r"step-(\d{6,12})")


@dataclass(frozen=True, slots=True)
class Best:
    """The checkpoint after ``step`` steps scored best on the watched tasks."""

    step: int
    score: float


def best_of(directory: Path) -> Best | None:
    """The best of the checkpoints in ``directory``; ``None`` where nothing was watched, or it is not there.

    Raises ``StorageError`` where what says so is damaged.
    """
    path = directory / BEST
    if not path.is_file():
        return None
    found = read_json(path)
    step, score = (found.get("step"), found.get("score")) if isinstance(found, dict) else (None, None)
    if (
        isinstance(score, bool)
        or not isinstance(score, int | float)
        or not math.isfinite(score)
        or type(step) is not int
    ):
        raise StorageError(
            "it names no step and score", where=str(path), hint="delete it: the next evaluation writes it"
        )
    return Best(step, float(score)) if step in checkpoints_in(directory) else None


def checkpoints_in(directory: Path) -> dict[int, Path]:
    """The checkpoints in ``directory`` by their steps, fewest first."""
    found = {int(match[1]): path for path in directory.glob("step-*") if (match := _STEP.fullmatch(path.name))}
    return {step: found[step] for step in sorted(found) if found[step].is_dir()}


def chosen(directory: Path, wanted: str) -> dict[int, Path]:
    """The checkpoints that are wanted, by step: ``all``, ``best``, ``latest``, or steps with commas between them.

    Raises ``CheckpointError`` where one is not there.
    """
    there = checkpoints_in(directory)
    best = best_of(directory)
    if not there:
        raise CheckpointError("there is no checkpoint", where=str(directory), hint="train first")
    if wanted == "best" and best is None:
        raise CheckpointError(
            "nobody knows which checkpoint is best: no dev tasks were watched",
            where=str(directory),
            hint="train with watch_tasks and train.evaluate_every above 0, or evaluate --checkpoints all",
        )
    if wanted == "all":
        return there
    if wanted in ("best", "latest"):
        step = best.step if best is not None and wanted == "best" else max(there)
        return {step: there[step]}
    steps = [int(part) if part.strip().isdecimal() else -1 for part in wanted.split(",")]
    if missing := [part for part, step in zip(wanted.split(","), steps, strict=True) if step not in there]:
        raise CheckpointError(
            f"there is no checkpoint {', '.join(missing)}",
            where=str(directory),
            hint=f"there are {', '.join(map(str, there))}; or say all, best or latest",
        )
    return {step: there[step] for step in sorted(set(steps))}


def model_of(checkpoint: Path) -> str:
    """What a recipe calls the model of a checkpoint: its folder, or where the service that trained it samples from it.

    Raises ``CheckpointError`` where the service's note does not say so.
    """
    note = checkpoint / SERVICE
    if not note.is_file():
        return str(checkpoint / MODEL)
    return kept_at(note, "sampler")


def kept_at(note: Path, name: str) -> str:
    """Where a service keeps ``sampler`` or ``state``, by its ``note`` in a checkpoint. Raises ``CheckpointError``."""
    hint = "restore the file from a copy, or take another checkpoint"
    found = read_object(note, CheckpointError, hint=hint).get(name)
    if not isinstance(found, str):
        raise CheckpointError(
            f"{note.name} does not say where the service keeps the weights ({name})", where=str(note), hint=hint
        )
    return found


def note_steps(folder: Path, step: int, recipe: Mapping[str, Any] | None = None) -> None:
    """Note in an exported model's folder how many steps its run had done, and the recipe to evaluate it again.

    Raises ``StorageError``.
    """
    write_json(folder / NOTE, {"step": step} | ({"recipe": dict(recipe)} if recipe is not None else {}))


def steps_of(spec: str) -> int:
    """Steps of the run that ``spec`` (as a recipe names a model) comes from; 0 for one that is not from a run.

    Raises:
        CheckpointError: What is noted there is no number.
    """
    folder = Path(spec)
    manifest, note = folder.parent / MANIFEST, folder / NOTE
    for file, keys in ((note, ("step",)), (manifest, ("progress", "step"))):
        if file.is_file() and (file is note or folder.name == MODEL):
            found: Any = read_object(file, CheckpointError, hint=f"repair or remove {file}")
            for key in keys:
                found = found.get(key) if isinstance(found, dict) else None
            if type(found) is not int:
                raise CheckpointError(
                    f"{file.name} does not say which step the model is from: {found!r}",
                    where=str(file),
                    hint=f"repair or remove {file}",
                )
            return found
    return 0
