"""What reinforcement learning adds to the policy it starts from, over several seeds.

    python benchmarks/learning.py [--quick] [--json] [--recipe recipes/sequential.toml] [--measures em] [--run FOLDER] \
        [--models FOLDER FOLDER FOLDER]
    mem1 bench learning --recipe recipes/parallel.toml --run runs/parallel   # the same

Each seed draws its own training tasks and samples, and trains the recipe's policy anew. All seeds are measured on the
same test tasks of as many objectives as were trained on, greedily, before and after. The interval of a seed is the
paired bootstrap over tasks; the interval over seeds is Student's t, from the seeds' gains. For the shop:
``--recipe recipes/webshop-tiny.toml --measures score em_per_objective`` (an hour and a half of one core).
With ``--run`` the runs stay in FOLDER, and what was interrupted goes on where it was when it is started again. With
``--models`` every seed begins with a model of its own, such as warm starts with several seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from mem1.cli.checkout import find
from mem1.config import load
from mem1.evaluation.measures import SPECS, Measure
from mem1.evaluation.records import CellKey, Evaluation
from mem1.evaluation.statistics.student import student_quantile
from mem1.recipe import Recipe
from mem1.report.data import bootstrap_of
from mem1.runtime.build import build
from mem1.runtime.evaluate import evaluate
from mem1.runtime.tasks import evaluation_tasks, train_tasks
from mem1.runtime.train import train as run_training
from mem1.storage.run_dir import RunDir


def measured_as_trained(recipe: Recipe, *, tasks: int | None = None) -> Recipe:
    """``recipe``, evaluated as it is trained: its own memory on as many objectives; on ``tasks`` tasks, if given."""
    update = {
        "horizons": (recipe.tasks.objectives,),
        "session_objectives": 0,
        "strategies": (recipe.memory.type,),
        "compositions": (recipe.tasks.composition,),
    } | ({} if tasks is None else {"tasks": tasks})
    return recipe.model_copy(update={"evaluate": recipe.evaluate.model_copy(update=update)})


def train(recipe: Recipe, seed: int, folder: Path, model: str) -> tuple[Evaluation, Evaluation]:
    """Train with ``seed``, from ``model``; the evaluations before and after."""
    update = {"model": model, "seed": seed, "train": recipe.train.model_copy(update={"seed": seed}), "watch_tasks": 0}
    one = recipe.model_copy(update=update)
    name = f"seed-{seed}"
    begun = (folder / name / "versions.json").is_file()
    run = RunDir.open(folder / name) if begun else RunDir.create(folder, name, one, seeds={"recipe": seed})
    built = build(one, trains=True)
    pool, cells = train_tasks(one, built.world.sources), evaluation_tasks(one, built.world.sources, one.evaluate)
    before = evaluate(built, run, cells, label="before", resume=begun)
    outcome = run_training(built, run, pool=pool, watched=(), resume=begun, console=Console(stderr=True))
    return before, evaluate(built, run, cells, label="after", version=outcome.step, resume=begun)


def gain(before: Evaluation, after: Evaluation, recipe: Recipe, measure: Measure) -> tuple[float, str]:
    """The gain in the mean of ``measure``, and both means with the paired difference as text."""
    key = CellKey(recipe.tasks.composition, recipe.tasks.objectives)
    old, new = before.cell(recipe.memory.type, key), after.cell(recipe.memory.type, key)
    assert old is not None
    assert new is not None
    difference = bootstrap_of(after).paired(old, new, measure)
    assert difference is not None
    first, last, digits = old.metrics[measure].mean, new.metrics[measure].mean, SPECS[measure].decimals
    text = f"{first:.{digits}f} -> {last:.{digits}f} ({difference.mean:+.{digits}f}"
    if difference.low is not None and difference.high is not None:
        text += f", 95 % interval {difference.low:+.{digits}f} to {difference.high:+.{digits}f}"
    return last - first, f"{text}, n = {difference.n} tasks)"


def over_seeds(gains: Sequence[float], digits: int) -> str:
    """The mean of ``gains`` and its t interval."""
    half = student_quantile(0.975, len(gains) - 1) * statistics.stdev(gains) / len(gains) ** 0.5
    mean = statistics.mean(gains)
    return f"{mean:+.{digits}f} (95 % interval {mean - half:+.{digits}f} to {mean + half:+.{digits}f})"


def run(
    quick: bool,
    recipe: Path | None = None,
    measures: Sequence[Measure] = (Measure.EM,),
    runs: Path | None = None,
    models: Sequence[str] = (),
) -> dict[str, float | str]:
    """Gains in each of ``measures`` by seed, and their mean with an interval over seeds.

    ``runs``: a folder to keep them in, and to go on from. ``models``: where each seed begins, two or more; without any,
    three seeds begin with the recipe's.
    """
    loaded = load(Recipe, recipe or find("recipes/sequential.toml"))
    if quick:
        loaded = loaded.model_copy(update={"train": loaded.train.model_copy(update={"steps": 4})})
    loaded = measured_as_trained(loaded, tasks=32 if quick else None)
    found: dict[str, float | str] = {"steps": loaded.train.steps, "objectives": loaded.tasks.objectives}
    gains: dict[Measure, list[float]] = {measure: [] for measure in measures}
    with tempfile.TemporaryDirectory() as passing:
        for seed, model in enumerate(models or [loaded.model] * (2 if quick else 3)):
            before, after = train(loaded, seed, runs or Path(passing), model)
            for measure in measures:
                more, found[f"{SPECS[measure].label}, seed {seed}"] = gain(before, after, loaded, measure)
                gains[measure].append(more)
    for measure in measures:
        found[f"{SPECS[measure].label}, mean gain over seeds"] = over_seeds(gains[measure], SPECS[measure].decimals)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--recipe", type=Path, default=None)
    parser.add_argument("--measures", type=Measure, nargs="+", default=(Measure.EM,))
    parser.add_argument("--run", type=Path, default=None)
    parser.add_argument("--models", nargs="+", default=())
    arguments = parser.parse_args()
    if len(arguments.models) == 1:
        parser.error("--models: an interval over seeds needs two or more")
    figures = run(arguments.quick, arguments.recipe, arguments.measures, arguments.run, arguments.models)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
