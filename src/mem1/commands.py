"""The composition root: a recipe becomes objects, the objects become a run.

Every command that runs a model starts here. Nothing else in the program knows how the parts fit together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console

from mem1.config import differences, load
from mem1.envs.prompts import render_prompt
from mem1.envs.qa import QaEnvConfig
from mem1.errors import ConfigError
from mem1.evaluation.findings import findings
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, Evaluation
from mem1.imports import imports
from mem1.recipe import Recipe
from mem1.report.build import build_report
from mem1.report.conditions import resume_command
from mem1.report.data import bootstrap_of
from mem1.report.verdict import COSTS, QUALITY, verdict_table
from mem1.storage.atomic import write_json
from mem1.storage.lock import check_unlocked, locked
from mem1.storage.run_dir import RunDir
from mem1.tasks.coverage import task_coverage
from mem1.tasks.files.parquet import write_tasks
from mem1.train.config import may_go_on
from mem1.train.saving.provenance import steps_of
from mem1.types import Task
from mem1.workshop import Workshop
from mem1.workshop.services import check_services

if TYPE_CHECKING:  # torch
    from mem1.train.loop import TrainResult

Overrides = Iterable[str]
Summary = dict[str, Any]


# ---------------------------------------------------------------- commands


def train(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Reinforcement learning as the recipe says; returns what to print. Raises ``Mem1Error``."""
    with _open(
        recipe,
        overrides,
        run=run,
        resume=resume,
        needs=lambda shop: (shop.trainable_policy, shop.engine, shop.make_env, shop.train_tasks, shop.watched),
        grows="train",
    ) as shop:
        outcome = shop.train(resume=resume)
        return {"run": str(shop.run.path), **_outcome(outcome)}


def warmstart(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Supervised training on demonstrations; returns what to print. Raises ``Mem1Error``."""
    with _open(
        recipe,
        overrides,
        run=run,
        resume=resume,
        needs=lambda shop: (shop.trainable_policy, shop.engine, shop.make_env, shop.shown, shop.watched),
        grows="warmstart",
    ) as shop:
        outcome = shop.warm_start(resume=resume)
        return {"run": str(shop.run.path), **_outcome(outcome)}


def distill(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Demonstrations from a teacher, kept by reward; returns what to print. Raises ``Mem1Error``."""
    with _open(recipe, overrides, run=run, resume=resume, needs=Workshop.teacher, free=("distill.keep",)) as shop:
        outcome = shop.distill()
    return {
        "run": str(shop.run.path),
        "teacher": outcome.teacher,
        "tasks": outcome.tasks,
        "episodes": outcome.episodes,
        "kept": len(outcome.kept),
        "rejected": outcome.rejected,
        "rewards": outcome.rewards,
    }


def evaluate(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """All strategies on the same tasks; returns a row a cell, and what must be known first. Raises ``Mem1Error``."""
    with _open(recipe, overrides, run=run, resume=resume, needs=_evaluation_needs) as shop:
        return _evaluated(shop, shop.evaluate("evaluation", version=steps_of(shop.recipe.model), resume=resume))


def compare(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Like ``evaluate``, with a verdict on each strategy, as numbers and in two short tables, and a report."""
    with _open(recipe, overrides, run=run, resume=resume, needs=_evaluation_needs) as shop:
        evaluation = shop.evaluate("evaluation", version=steps_of(shop.recipe.model), resume=resume)
        report = build_report(shop.run.path)
    table = verdict_table(evaluation)
    return {
        "report": str(report.html),
        "verdicts": [verdict.model_dump(mode="json") for verdict in evaluation.verdicts],
        "quality": table.records(QUALITY) if table else [],
        "costs": table.records(COSTS) if table else [],
        **_evaluated(shop, evaluation),
    }


def export(run: Path, folder: Path, *, dtype: str, adapter: bool = False) -> Summary:
    """The model of a run's last checkpoint as a plain folder; returns what to print. Raises ``Mem1Error``."""
    from mem1.train.saving.export import export as export_model  # torch

    step = export_model(RunDir.open(run), folder, dtype=dtype, adapter=adapter)
    return {"folder": str(folder), "step": step, "dtype": "float32" if adapter else dtype}


def compose(recipe: Path, overrides: Overrides) -> list[Task]:
    """The tasks that the recipe trains on."""
    return Workshop(load(Recipe, recipe, overrides)).train_tasks


def compose_parquet(recipe: Path, overrides: Overrides, file: Path, *, data_source: str | None = None) -> int:
    """Write the recipe's tasks with their prompts as Parquet; returns how many. Raises ``Mem1Error``."""
    shop = Workshop(load(Recipe, recipe, overrides))
    env = shop.recipe.env
    if not isinstance(env, QaEnvConfig):  # its prompt goes along
        raise ConfigError("only questions are exchanged as Parquet", where="env.type", hint='set env.type = "qa"')
    write_tasks(
        file,
        shop.train_tasks,
        lambda task: render_prompt(env.prompt, task, joined=env.joined),
        data_source=data_source,
    )
    return len(shop.train_tasks)


def answerable(recipe: Path, overrides: Overrides) -> list[Summary]:
    """For each source, of how many of the tasks' objectives an accepted answer can be given."""
    tasks = compose(recipe, overrides)
    rows = task_coverage(tasks)
    return [{**row._asdict(), "examples": list(row.examples)} for row in rows]


def demo(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Evaluate the warm start, train it, evaluate again, report; returns the headline. Raises ``Mem1Error``."""
    with (
        _open(
            recipe,
            overrides,
            run=run,
            resume=resume,
            needs=lambda shop: (*_evaluation_needs(shop), shop.train_tasks, shop.watched),
        ) as shop,
        _clock(shop.run) as seconds,
    ):
        before = shop.evaluate_warm_start(resume=resume)
        outcome = shop.train(resume=resume)
        if outcome.interrupted:
            raise KeyboardInterrupt
        after = shop.evaluate("trained", version=outcome.step, resume=resume)
        write_json(shop.run.views, shop.views(turns=6, episodes=4))
        report = build_report(shop.run.path)
        minutes = seconds() / 60
    return {
        "report": str(report.html),
        **_gain(before, after),
        "minutes": minutes,
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


@contextmanager
def _open(
    path: Path,
    overrides: Overrides,
    *,
    run: Path | None,
    resume: bool,
    needs: Callable[[Workshop], object],
    grows: Literal["train", "warmstart"] | None = None,
    free: Collection[str] = (),
) -> Iterator[Workshop]:
    """Read the recipe, build what the command ``needs``, and only then make (or, to resume, open) the run directory.

    So a start that fails for want of data or a model leaves nothing behind. While the block runs nobody else can write
    the run. A resumed run may differ in the ``free`` keys, and may ask for more steps of what ``grows`` where that
    gives what asking at once would have given.
    """
    recipe = load(Recipe, path, overrides)
    if resume and run is None:
        raise ConfigError("which run to resume?", where="--resume", hint="name its directory: --run DIR --resume")
    with ExitStack() as held:
        opened, changed = None, False
        if resume and run is not None:
            RunDir.open(run)  # before there is a lock in what is no run
            held.enter_context(locked(run))
            opened = RunDir.open(run)
            changed = _refuse_changes(opened, recipe, grows, free)
        elif run is not None:
            check_unlocked(run)
            RunDir.check_free(run)
        check_services(recipe)
        shop = Workshop(recipe)
        shop.seed()  # a new model's weights are drawn in what follows
        needs(shop)
        if opened is None:
            where = run or RunDir.reserve(recipe.runs, f"{recipe.name}-{time.strftime('%Y%m%d-%H%M%S')}")
            held.enter_context(locked(where))
            opened = RunDir.create(where.parent, where.name, recipe, seeds={"recipe": recipe.seed})
        elif changed:
            opened.write_config(recipe)
        shop.write_to(opened)
        Console(stderr=True).print(f"run: {opened.path}", highlight=False, markup=False, soft_wrap=True)
        yield shop


def _refuse_changes(
    opened: RunDir, recipe: Recipe, grows: Literal["train", "warmstart"] | None, free: Collection[str]
) -> bool:
    """Whether the recipe differs from the run's own at all. Raises ``ConfigError`` where it may not."""
    with imports("known"):  # it may be somebody else's: nothing that it names is imported
        begun = opened.config(Recipe)
    changed = [name for name in differences(begun, recipe) if not any(f"{name}.".startswith(f"{key}.") for key in free)]
    if grows is not None and may_go_on(getattr(begun, grows), getattr(recipe, grows)):
        changed = [name for name in changed if name != f"{grows}.steps"]
    if changed:
        raise ConfigError(
            f"the run was begun with another {', '.join(changed)}",
            where=str(opened.path),
            hint=f"resume it with {opened.config_toml}, or start a new run (steps may be raised while the learning "
            "rate's schedule is constant)",
        )
    return begun != recipe


@contextmanager
def _clock(run: RunDir) -> Iterator[Callable[[], float]]:
    """Seconds worked on ``run``, those before it was interrupted included; kept however the block ends."""
    before = run.seconds()
    began = time.perf_counter()

    def seconds() -> float:
        return before + time.perf_counter() - began

    try:
        yield seconds
    finally:
        write_json(run.clock, {"seconds": seconds()})


def _evaluation_needs(shop: Workshop) -> tuple[object, ...]:
    return shop.engine, shop.make_env, shop.cells


def _outcome(outcome: TrainResult) -> Summary:
    return {
        "steps": outcome.step,
        "interrupted": outcome.interrupted,
        "checkpoint": str(outcome.checkpoint) if outcome.checkpoint else None,
    }


def _evaluated(shop: Workshop, evaluation: Evaluation) -> Summary:
    """The cells of an evaluation, how many episodes failed, and what to know before reading any figure."""
    return {
        "cells": [_row(cell) for cell in evaluation.cells],
        "failed": evaluation.failed,
        "findings": list(findings(evaluation, resume_command(shop.run.path, evaluation.label))),
    }


def _row(cell: Cell) -> Summary:
    """A cell's means; what a score must be read with comes right after it: narrow terminals leave out the rest."""
    first = (
        Measure.EM,
        Measure.ANSWER_RATE,
        Measure.MALFORMED,
        Measure.EARLY_STOP,
        Measure.ACTIONS_PER_OBJECTIVE,
        Measure.F1,
    )
    means = {measure: cell.metrics[measure].mean for measure in (*first, *cell.metrics) if measure in cell.metrics}
    row: Summary = {"tasks": cell.key.name, "strategy": cell.strategy, "n": cell.contents, "failed": cell.failed}
    row |= {str(name): mean for name, mean in means.items()}
    return row | ({"scored by": "; ".join(cell.scorers)} if Measure.SCORE in cell.metrics else {})


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
