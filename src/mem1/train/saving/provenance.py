"""How many weight updates a model on disk has seen: what its checkpoint or its export says. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mem1.errors import CheckpointError, boundary
from mem1.reading.files import NOTE
from mem1.storage.atomic import read_json, write_json

MANIFEST = "checkpoint.json"
SERVICE = "service.json"  # in place of weights: where a training service keeps them
MODEL = "model"  # folder of the weights and what belongs beside them


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
    with boundary("cannot read which step the model is from", CheckpointError, hint=f"repair or remove {note}"):
        if note.is_file():
            return int(read_json(note)["step"])
        if folder.name == MODEL and manifest.is_file():
            return int(read_json(manifest)["progress"]["step"])
    return 0
