"""Whether a policy learns through another training back end what it learns in this process.

    make venv-verl && .venv-verl/bin/python -m mem1 bench backends --run FOLDER [--recipe recipes/sequential.toml]

The recipe's policy is trained anew by each back end with each of three seeds, on the same tasks, by ``mem1 train`` in a
process of its own; with ``--run`` what was interrupted goes on where it was when it is started again. All are measured
on the same test tasks of as many objectives as were trained on, greedily. The run is a short one, long enough for the
gain to be seen: STEPS steps of TASKS groups. Intervals of a seed are over tasks, those over seeds Student's t; the
last figure pairs the seeds of a back end with those trained here. On processors, by turns.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.learning import gain, measured_as_trained, over_seeds
from mem1.cli.checkout import find
from mem1.config import load
from mem1.evaluation.measures import SPECS, Measure
from mem1.evaluation.records import Evaluation
from mem1.recipe import Recipe
from mem1.runtime.build import build
from mem1.runtime.evaluate import evaluate
from mem1.runtime.tasks import evaluation_tasks
from mem1.storage.run_dir import RunDir

BACKENDS = {"local": (), "verl": ("--backend.type", "verl", "--backend.device", "cpu")}
STEPS, TASKS, SEEDS = 10, 12, 3
MEASURE = Measure.EM


def train(path: Path, backend: str, seed: int, flags: Sequence[str], run: Path, steps: int) -> Path:
    """The folder of the policy that ``mem1 train`` made, or had made, in ``run``. Raises ``CalledProcessError``."""
    model = run / "checkpoints" / f"step-{steps:06d}" / "model"
    if not model.is_dir():
        run.parent.mkdir(parents=True, exist_ok=True)
        flags = [*flags, *BACKENDS[backend], "--seed", str(seed), "--train.seed", str(seed), "--run", str(run)]
        flags += ["--resume"] if (run / "versions.json").is_file() else []
        subprocess.run([sys.executable, "-m", "mem1", "train", str(path), *flags], check=True, stdout=sys.stderr)
    return model


def measured(recipe: Recipe, model: str, run: Path) -> Evaluation:
    """The recipe's policy, or another in its place, on the test tasks; what was answered is read from ``run``."""
    one = recipe.model_copy(update={"model": model})
    begun = (run / "versions.json").is_file()
    directory = RunDir.open(run) if begun else RunDir.create(run.parent, run.name, one, seeds={"recipe": one.seed})
    built = build(one, trains=False)
    cells = evaluation_tasks(one, built.world.sources, one.evaluate)
    return evaluate(built, directory, cells, label="measured", resume=begun)


def run(quick: bool, recipe: Path | None = None, runs: Path | None = None) -> dict[str, float | str]:
    """Gains in exact matches by back end and seed, their means, and what each differs by from training here.

    ``runs``: a folder to keep them in, and to go on from.
    """
    path = recipe or find("recipes/sequential.toml")
    steps, tasks, seeds = (2, 2, 2) if quick else (STEPS, TASKS, SEEDS)
    flags = ["--train.steps", str(steps), "--train.tasks_per_step", str(tasks), "--train.checkpoint_every", "2"]
    flags += ["--watch_tasks", "0"]
    loaded = measured_as_trained(load(Recipe, path), tasks=8 if quick else None)
    label, digits = SPECS[MEASURE].label, SPECS[MEASURE].decimals
    found: dict[str, float | str] = {"steps": steps, "episodes a step": tasks * loaded.train.group_size}
    gains: dict[str, list[float]] = {backend: [] for backend in BACKENDS}
    with tempfile.TemporaryDirectory() as passing:
        folder = (runs or Path(passing)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        before = measured(loaded, loaded.model, folder / "before")
        for seed in range(seeds):
            for backend in BACKENDS:
                name = f"{backend}-{seed}"
                model = train(path, backend, seed, flags, folder / name, steps)
                after = measured(loaded, str(model), folder / f"{name}-measured")
                more, found[f"{label}, {backend}, seed {seed}"] = gain(before, after, loaded, MEASURE)
                gains[backend].append(more)
    for backend, each in gains.items():
        found[f"{label}, {backend}, mean gain over seeds"] = over_seeds(each, digits)
    for backend in gains.keys() - {"local"}:
        pairs = [theirs - ours for theirs, ours in zip(gains[backend], gains["local"], strict=True)]
        found[f"{label}, {backend} less local, over seeds"] = over_seeds(pairs, digits)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--recipe", type=Path, default=None)
    parser.add_argument("--run", type=Path, default=None)
    arguments = parser.parse_args()
    figures = run(arguments.quick, arguments.recipe, arguments.run)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
