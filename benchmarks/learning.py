"""What reinforcement learning adds to the warm start, over several seeds.

    python benchmarks/learning.py [--quick] [--json] [--recipe recipes/demo.toml]

Each seed draws its own training tasks and samples, and trains the recipe's policy anew. All seeds are measured on the
same test tasks of as many objectives as were trained on, greedily, before and after. The interval of a seed is the
paired bootstrap over tasks; the interval over seeds is Student's t, from the seeds' gains.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from mem1.cli.checkout import find
from mem1.config import load
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import CellKey
from mem1.recipe import Recipe
from mem1.report.data import bootstrap_of
from mem1.storage.run_dir import RunDir
from mem1.workshop import Workshop

T_95 = {2: 12.706, 3: 4.303, 4: 2.776, 5: 2.571}  # two-sided 95 % quantiles of Student's t, by number of seeds


def gain(recipe: Recipe, seed: int, folder: Path) -> tuple[float, float, str]:
    """Train with ``seed``; summed EM before and after, and the paired difference as text."""
    update = {"seed": seed, "train": recipe.train.model_copy(update={"seed": seed}), "watch_tasks": 0}
    one = recipe.model_copy(update=update)
    run = RunDir.create(folder, f"seed-{seed}", one, seeds={"recipe": seed})
    shop = Workshop(one, run)
    before = shop.evaluate("before", resume=False)
    outcome = shop.train(resume=False)
    after = shop.evaluate("after", version=outcome.step, resume=False)
    key = CellKey(recipe.tasks.composition, recipe.tasks.objectives)
    old, new = before.cell(recipe.memory.type, key), after.cell(recipe.memory.type, key)
    assert old is not None
    assert new is not None
    difference = bootstrap_of(after).paired(old, new, Measure.EM)
    assert difference is not None
    first, last = old.metrics[Measure.EM].mean, new.metrics[Measure.EM].mean
    text = f"{first:.2f} -> {last:.2f} ({difference.mean:+.2f}"
    if difference.low is not None and difference.high is not None:
        text += f", 95 % interval {difference.low:+.2f} to {difference.high:+.2f}"
    return first, last, f"{text}, n = {difference.n} tasks)"


def run(quick: bool, recipe: Path | None = None) -> dict[str, float | str]:
    """Gains in summed EM by seed, and their mean with an interval over seeds."""
    loaded = load(Recipe, recipe or find("recipes/demo.toml"))
    sizes = {"horizons": (loaded.tasks.objectives,), "session_objectives": 0, "strategies": (loaded.memory.type,)}
    if quick:
        sizes["tasks"] = 32
        loaded = loaded.model_copy(update={"train": loaded.train.model_copy(update={"steps": 4})})
    config = loaded.evaluate.model_copy(update=sizes | {"compositions": (loaded.tasks.composition,)})
    loaded = loaded.model_copy(update={"evaluate": config})
    seeds = range(2 if quick else 3)
    found: dict[str, float | str] = {"steps": loaded.train.steps, "objectives": loaded.tasks.objectives}
    gains = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            before, after, text = gain(loaded, seed, Path(folder))
            gains.append(after - before)
            found[f"summed EM, seed {seed}"] = text
    half = T_95[len(gains)] * statistics.stdev(gains) / len(gains) ** 0.5
    mean = statistics.mean(gains)
    found["mean gain over seeds"] = f"{mean:+.2f} (95 % interval {mean - half:+.2f} to {mean + half:+.2f})"
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--recipe", type=Path, default=None)
    arguments = parser.parse_args()
    figures = run(arguments.quick, arguments.recipe)
    print(json.dumps(figures) if arguments.json else "\n".join(f"{name}: {value}" for name, value in figures.items()))
