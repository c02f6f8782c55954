"""The composition root: a recipe becomes objects, the objects become a run.

Every command that runs a model starts here. Nothing else in the program knows how the parts fit together.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mem1.config import differences, load
from mem1.errors import ConfigError
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, Evaluation
from mem1.recipe import Recipe
from mem1.report.build import build_report
from mem1.report.data import bootstrap_of
from mem1.storage.atomic import write_json
from mem1.storage.run_dir import RunDir
from mem1.train.export import export as export_model
from mem1.train.loop import Outcome
from mem1.types import Task
from mem1.workshop import Workshop

Overrides = Iterable[str]
Summary = dict[str, Any]


# ---------------------------------------------------------------- commands


def train(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Reinforcement learning as the recipe says; returns what to print. Raises ``Mem1Error``."""
    shop = _open(recipe, overrides, run=run, resume=resume)
    outcome = shop.train(resume=resume)
    return {"run": str(shop.run.path), **_outcome(outcome)}


def warmstart(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Supervised training on the expert's demonstrations; returns what to print. Raises ``Mem1Error``."""
    shop = _open(recipe, overrides, run=run, resume=resume)
    outcome = shop.warm_start(resume=resume)
    return {"run": str(shop.run.path), **_outcome(outcome)}


def evaluate(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> list[Summary]:
    """All strategies on the same tasks; returns a row a cell. Raises ``Mem1Error``."""
    shop = _open(recipe, overrides, run=run, resume=resume)
    return _rows(shop.evaluate("evaluation", resume=resume))


def export(run: Path, folder: Path, *, dtype: str) -> Summary:
    """The model of a run's last checkpoint as a plain folder; returns what to print. Raises ``Mem1Error``."""
    return {"folder": str(folder), "step": export_model(RunDir.open(run), folder, dtype=dtype), "dtype": dtype}


def compose(recipe: Path, overrides: Overrides) -> list[Task]:
    """The tasks that the recipe trains on."""
    return Workshop(load(Recipe, recipe, overrides)).train_tasks


def demo(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Evaluate the warm start, train it, evaluate again, report; returns the headline. Raises ``Mem1Error``."""
    began = time.perf_counter()
    shop = _open(recipe, overrides, run=run, resume=resume)
    before = shop.evaluate_warm_start(resume=resume)
    outcome = shop.train(resume=resume)
    if outcome.interrupted:
        raise KeyboardInterrupt
    after = shop.evaluate("trained", version=outcome.step, resume=resume)
    write_json(shop.run.views, shop.views(turns=6, episodes=4))
    report = build_report(shop.run.path)
    return {
        "report": str(report.html),
        **_gain(before, after),
        "minutes": (time.perf_counter() - began) / 60,
        "look at": f"mem1 view {shop.run.path}",
    }


def views(model: str, *, turns: int, episodes: int, seed: int) -> list[Summary]:
    """How far each training view's log-probabilities are from those of sampling (method section 2)."""
    recipe = Recipe.model_validate(
        {
            "model": model,
            "seed": seed,
            "env": {"turns_per_objective": 2, "prompt": "brief" if model == "builtin:tiny" else "instruct"},
            "memory": {"type": "state", "budgets": {"state": 64, "action": 32, "observation": 256}},
        }
    )
    return Workshop(recipe).views(turns=turns, episodes=episodes)


# ---------------------------------------------------------------- small pieces


def _open(path: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Workshop:
    """Read the recipe and make (or, to resume, open) its run directory."""
    recipe = load(Recipe, path, overrides)
    if not resume:
        where = run or recipe.runs / f"{recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}"
        return Workshop(recipe, RunDir.create(where.parent, where.name, recipe, seeds={"recipe": recipe.seed}))
    if run is None:
        raise ConfigError("which run to resume?", where="--resume", mend="name its directory: --run DIR --resume")
    opened = RunDir.open(run)
    changed = differences(opened.config(Recipe), recipe)
    if changed:
        raise ConfigError(
            f"the run was begun with another {', '.join(changed)}",
            where=str(run),
            mend=f"resume it with {opened.config_toml}, or start a new run",
        )
    return Workshop(recipe, opened)


def _outcome(outcome: Outcome) -> Summary:
    return {
        "steps": outcome.step,
        "interrupted": outcome.interrupted,
        "checkpoint": str(outcome.checkpoint) if outcome.checkpoint else None,
    }


def _rows(evaluation: Evaluation) -> list[Summary]:
    return [_row(cell) for cell in evaluation.cells]


def _row(cell: Cell) -> Summary:
    return (
        {"tasks": cell.key.name, "strategy": cell.strategy}
        | {str(measure): metric.mean for measure, metric in cell.metrics.items()}
        | ({"scored by": "; ".join(cell.scorers)} if Measure.SCORE in cell.metrics else {})
    )


def _gain(before: Evaluation, after: Evaluation) -> Summary:
    """Summed EM before and after training, cell by cell, and the paired difference with its interval."""
    old = {(cell.strategy, cell.key): cell for cell in before.cells}
    gains: Summary = {}
    for cell in after.cells:
        was = old.get((cell.strategy, cell.key))
        difference = bootstrap_of(after).paired(was, cell, Measure.EM) if was is not None else None
        if was is None or difference is None:
            continue
        text = f"{was.metrics[Measure.EM].mean:.2f} -> {cell.metrics[Measure.EM].mean:.2f}"
        if difference.low is not None and difference.high is not None:
            text += f" ({difference.mean:+.2f}, 95 % interval {difference.low:+.2f} to {difference.high:+.2f})"
        gains[f"summed EM, {cell.key.name}"] = text
    return gains
