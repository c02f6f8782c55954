"""An exported policy's folder: the weights, and beside them all that evaluating it again needs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from mem1.envs.qa import QaEnvConfig
from mem1.evaluation.records import Evaluation
from mem1.evaluation.renew import renewed
from mem1.imports import imports
from mem1.reading.files import OWN
from mem1.recipe import Recipe
from mem1.runtime.sharing.card import CARD, model_card
from mem1.storage.atomic import write_atomic
from mem1.storage.metrics import read_metrics
from mem1.storage.run_dir import RunDir
from mem1.train.saving.provenance import note_steps

_PROMPT = "prompt.txt"


def describe(run: RunDir, folder: Path, step: int, *, name: str, averaged: int = 0) -> None:
    """Write into ``folder`` the settings of ``run`` as a recipe of the policy there, and its card.

    A prompt that is a file is copied. What is of this machine or of who trained it is left out: where runs go, who
    watched. ``averaged``: of how many other policies the weights are the mean with. Raises ``Mem1Error`` where the
    run's configuration or an evaluation is damaged.
    """
    with imports("known"):
        recipe = run.config(Recipe)
    settings: dict[str, Any] = recipe.model_dump(mode="json")
    base = recipe.model
    for key in ("runs", "monitors", "lora"):
        settings.pop(key, None)
    settings["model"] = OWN
    if isinstance(recipe.env, QaEnvConfig) and isinstance(recipe.env.prompt, Path):
        shutil.copyfile(recipe.env.prompt, folder / _PROMPT)
        settings["env"]["prompt"] = f"{OWN}/{_PROMPT}"
    note_steps(folder, step, settings)
    card = model_card(
        recipe.model_copy(update={"runs": Path("runs"), "monitors": ()}),
        name=name,
        step=step,
        base=base,
        evaluations=[renewed(run.read_evaluation(label, Evaluation)) for label in run.evaluations()],
        versions=run.versions(),
        supervised=not run.episodes("train").exists(),
        watched=_watched(run, step),
        averaged=averaged,
    )
    write_atomic(folder / CARD, card.encode())


def _watched(run: RunDir, step: int) -> dict[str, float]:
    """What was scored on dev tasks after ``step`` steps."""
    prefix = "evaluation/"
    found: dict[str, float] = {}
    for row in read_metrics(run.metrics) if run.metrics.is_file() else ():
        if row.get("step") == step:
            found |= {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
    return found
