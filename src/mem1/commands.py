"""The composition root: a recipe becomes objects, the objects become a run.

Every command that runs a model starts here. Nothing else in the program knows how the parts fit together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mem1.config import load
from mem1.envs.prompts import render_prompt
from mem1.envs.qa import QaEnvConfig
from mem1.errors import ConfigError
from mem1.evaluation.findings import findings
from mem1.evaluation.measures import PER_OBJECTIVE, Measure, spec_of
from mem1.evaluation.records import Ceiling, Cell, Evaluation
from mem1.event_loop import command_loop
from mem1.recipe import Recipe
from mem1.report.build import build_report
from mem1.report.conditions import resume_command
from mem1.report.data import bootstrap_of
from mem1.report.remembering import REMEMBERED, remembering_table
from mem1.report.verdict import COSTS, quality_columns, verdict_table
from mem1.runtime.build import Runtime, build
from mem1.runtime.ceiling import ceilings
from mem1.runtime.distill import assignment
from mem1.runtime.distill import distill as collect
from mem1.runtime.evaluate import Cells, untrained
from mem1.runtime.evaluate import evaluate as run_evaluation
from mem1.runtime.evaluate import views as compare_views
from mem1.runtime.forecast.commands import told
from mem1.runtime.heeded import check_heeded, unused
from mem1.runtime.played_once import PlayedOnce
from mem1.runtime.sharing.card import CARD
from mem1.runtime.sharing.export import describe
from mem1.runtime.start import Start, opening
from mem1.runtime.tasks import admitted, evaluation_tasks, train_tasks, watched_tasks
from mem1.runtime.train import train as run_training
from mem1.runtime.warmstart import demonstrations, warm_start
from mem1.runtime.world import task_sources
from mem1.storage.atomic import write_json
from mem1.storage.run_dir import RunDir
from mem1.tasks.coverage import task_coverage
from mem1.tasks.files.parquet import write_tasks
from mem1.train.saving.provenance import chosen, model_of, steps_of
from mem1.types import Task

if TYPE_CHECKING:  # torch
    from mem1.train.loop import TrainResult

Overrides = Iterable[str]
Summary = dict[str, Any]
Expert = Callable[[Runtime, Cells], tuple[Ceiling, ...]]
WARM_START = "warm-start"


# ---------------------------------------------------------------- commands


def train(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Reinforcement learning as the recipe says; returns what to print. Raises ``Mem1Error``."""
    with opening(recipe, overrides, run=run, resume=resume, grows="train") as start:
        launch = start.recipe.backend.launch()
        if launch is not None:
            there, ended = launch(start, resume)
            return {"run": str(there.path), **_outcome(ended)}
        built = build(start.recipe, trains=True)
        sources = built.world.sources
        pool, watched = train_tasks(start.recipe, sources), watched_tasks(start.recipe, sources)
        admitted(built.world.make_env, [pool, watched])
        directory = start.begin(built.engine.tokenizer)
        outcome = run_training(built, directory, pool=pool, watched=watched, resume=resume, console=start.console)
        return {"run": str(directory.path), **_outcome(outcome)}


def warmstart(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Supervised training on demonstrations; returns what to print. Raises ``Mem1Error``."""
    with opening(recipe, overrides, run=run, resume=resume, grows="warmstart") as start:
        built = build(start.recipe, trains=True)
        shown, watched = demonstrations(built), watched_tasks(start.recipe, built.world.sources)
        admitted(built.world.make_env, [watched])
        directory = start.begin(built.engine.tokenizer)
        outcome = warm_start(built, directory, shown, watched=watched, resume=resume, console=start.console)
        return {"run": str(directory.path), **_outcome(outcome)}


def distill(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Demonstrations from a teacher, kept by reward; returns what to print. Raises ``Mem1Error``."""
    with opening(recipe, overrides, run=run, resume=resume, free=("distill.keep",)) as start:
        given = assignment(start.recipe)
        directory = start.begin(given.engine.tokenizer)
        outcome = collect(start.recipe, directory, given, start.console)
    return {
        "run": str(directory.path),
        "teacher": outcome.teacher,
        "tasks": outcome.tasks,
        "episodes": outcome.episodes,
        "kept": len(outcome.kept),
        "rejected": outcome.rejected,
        "rewards": outcome.rewards,
    }


def evaluate(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """All strategies on the same tasks; returns a row a cell, and what must be known first. Raises ``Mem1Error``."""
    given = list(overrides)
    with opening(recipe, given, run=run, resume=resume) as start:
        return _evaluated(*_evaluation(start, given, resume=resume))


def evaluate_checkpoints(
    recipe: Path, overrides: Overrides, *, of: str, run: Path | None, resume: bool
) -> list[tuple[str, Summary]]:
    """The checkpoints of the run that ``recipe`` is (its directory, or the ``config.toml`` in it), one after another.

    ``of``: ``all``, ``best``, ``latest``, or steps with commas. Each is an evaluation of its own, called after its
    checkpoint, in one run. Returns what ``evaluate`` does, by checkpoint. Raises ``Mem1Error``.
    """
    given = list(overrides)
    trained = RunDir.open(recipe if recipe.is_dir() else recipe.parent)
    checkpoints = chosen(trained.checkpoints, of)
    found = []
    with opening(trained.config_toml, given, run=run, resume=resume) as start:
        directory: RunDir | None = None
        expert = PlayedOnce()
        _heed(start, given)
        for step, path in checkpoints.items():
            one = start.recipe.model_copy(update={"model": model_of(path)})
            directory, evaluation = _measured(
                start, one, directory, expert, label=path.name, version=step, resume=resume
            )
            found.append((path.name, _evaluated(directory, evaluation)))
    return found


def compare(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Like ``evaluate``, with a verdict on each strategy, as numbers and in two short tables, and a report."""
    given = list(overrides)
    with opening(recipe, given, run=run, resume=resume) as start:
        directory, evaluation = _evaluation(start, given, resume=resume)
        report = build_report(directory.path)
    table = verdict_table(evaluation)
    return {
        "report": str(report.html),
        "verdicts": [verdict.model_dump(mode="json") for verdict in evaluation.verdicts],
        "quality": table.records(quality_columns(evaluation)) if table else [],
        "costs": table.records(COSTS) if table else [],
        "retention": [one.model_dump(mode="json") for one in evaluation.retention],
        **_evaluated(directory, evaluation),
    }


def _heed(start: Start, overrides: Iterable[str]) -> None:
    """Refuse what was given on the line and is of no use, and say what of the recipe's file is of none."""
    check_heeded(start.recipe, overrides)
    for text in unused(start.recipe):
        start.console.print(f"note: {text}", highlight=False, markup=False, soft_wrap=True)


def _evaluation(start: Start, overrides: Iterable[str], *, resume: bool) -> tuple[RunDir, Evaluation]:
    """The evaluation of a recipe, in its run."""
    recipe = start.recipe
    _heed(start, overrides)
    return _measured(start, recipe, None, ceilings, label="evaluation", version=steps_of(recipe.model), resume=resume)


def _measured(
    start: Start, recipe: Recipe, directory: RunDir | None, expert: Expert, *, label: str, version: int, resume: bool
) -> tuple[RunDir, Evaluation]:
    """An evaluation of ``recipe`` with what its expert would reach, in ``directory`` or the run that begins with it."""
    built = build(recipe)
    cells = evaluation_tasks(recipe, built.world.sources, recipe.evaluate)
    admitted(built.world.make_env, cells.values())
    directory = directory or start.begin(built.engine.tokenizer)
    try:
        evaluation = run_evaluation(built, directory, cells, label=label, version=version, resume=resume)
    finally:
        counts: Mapping[str, int] = getattr(built.world.make_env, "counts", {})  # of a world that asks others
        if counts:
            directory.add_web(counts)
    return directory, _with_expert(evaluation, expert(built, cells), directory)


def _with_expert(evaluation: Evaluation, reached: tuple[Ceiling, ...], directory: RunDir) -> Evaluation:
    """The evaluation with what its expert reached beside it, on disk too."""
    whole = evaluation.model_copy(update={"ceiling": reached})
    directory.write_evaluation(whole.label, whole)
    return whole


def forecast(command: str, recipe: Path, overrides: Overrides) -> Summary:
    """What ``train``, ``evaluate`` and so on would take: a row a part, and what to know of it. Raises ``Mem1Error``.

    No model is loaded or asked, no service, and nothing is written.
    """
    given = list(overrides)
    loaded = load(Recipe, recipe, given)
    if command == "evaluate":
        check_heeded(loaded, given)
    with command_loop():
        found = told(command, loaded)
    return found | {"notes": [*found["notes"], *unused(loaded)]} if command == "evaluate" else found


def export(
    run: Path,
    folder: Path,
    *,
    dtype: str,
    adapter: bool = False,
    checkpoint: str = "latest",
    average: Sequence[str] = (),
) -> Summary:
    """The model of a run's checkpoint as a plain folder; returns what to print. Raises ``Mem1Error``."""
    from mem1.train.saving.export import export as export_model  # torch

    directory = RunDir.open(run)

    def beside(inside: Path, step: int) -> None:
        describe(directory, inside, step, name=folder.resolve().name, averaged=len(average))

    step = export_model(
        directory, folder, dtype=dtype, adapter=adapter, checkpoint=checkpoint, average=average, beside=beside
    )
    return {
        "folder": str(folder),
        "step": step,
        **({"mean with": ", ".join(average)} if average else {}),
        "dtype": "float32" if adapter else dtype,
        "card": str(folder / CARD),
        "evaluate it": f"mem1 evaluate {folder}",
    }


def compose(recipe: Path, overrides: Overrides) -> list[Task]:
    """The tasks that the recipe trains on."""
    return _composed(load(Recipe, recipe, overrides))


def compose_parquet(recipe: Path, overrides: Overrides, file: Path, *, data_source: str | None = None) -> int:
    """Write the recipe's tasks with their prompts as Parquet; returns how many. Raises ``Mem1Error``."""
    loaded = load(Recipe, recipe, overrides)
    env = loaded.env
    if not isinstance(env, QaEnvConfig):  # its prompt goes along
        raise ConfigError("only questions are exchanged as Parquet", where="env.type", hint='set env.type = "qa"')
    tasks = _composed(loaded)
    write_tasks(
        file,
        tasks,
        lambda task: render_prompt(env.prompt, task, joined=env.joined),
        data_source=data_source,
    )
    return len(tasks)


def _composed(recipe: Recipe) -> list[Task]:
    return train_tasks(recipe, task_sources(recipe))


def answerable(recipe: Path, overrides: Overrides) -> list[Summary]:
    """For each source, of how many of the tasks' objectives an accepted answer can be given."""
    tasks = compose(recipe, overrides)
    rows = task_coverage(tasks)
    return [{**row._asdict(), "examples": list(row.examples)} for row in rows]


def demo(recipe: Path, overrides: Overrides, *, run: Path | None, resume: bool) -> Summary:
    """Evaluate the warm start, train it, evaluate again, report; returns the headline. Raises ``Mem1Error``."""
    with opening(recipe, overrides, run=run, resume=resume) as start:
        loaded = start.recipe
        built = build(loaded, trains=True)
        sources = built.world.sources
        pool, watched = train_tasks(loaded, sources), watched_tasks(loaded, sources)
        first, cells = untrained(loaded), evaluation_tasks(loaded, sources, loaded.evaluate)
        admitted(built.world.make_env, [pool, watched, *cells.values()])
        directory = start.begin(built.engine.tokenizer)
        with _clock(directory) as seconds:
            before = _once(directory, resume=resume) or run_evaluation(
                built,
                directory,
                evaluation_tasks(loaded, sources, first),
                label=WARM_START,
                config=first,
                resume=resume,
            )
            outcome = run_training(built, directory, pool=pool, watched=watched, resume=resume, console=start.console)
            if outcome.interrupted:
                raise KeyboardInterrupt
            after = run_evaluation(built, directory, cells, label="trained", version=outcome.step, resume=resume)
            after = _with_expert(after, ceilings(built, cells), directory)
            write_json(directory.views, compare_views(built, turns=6, episodes=4))
            report = build_report(directory.path)
            minutes = seconds() / 60
    return {
        "report": str(report.html),
        **_gain(before, after),
        "minutes": minutes,
        "look at": f"mem1 view {directory.path}",
        "failed": before.failed + after.failed,
        "findings": list(report.findings),
    }


def _once(run: RunDir, *, resume: bool) -> Evaluation | None:
    """The warm start's evaluation where an interrupted run has it already: its weights are gone by now."""
    if not resume or WARM_START not in run.evaluations():
        return None
    before = run.read_evaluation(WARM_START, Evaluation)
    return before if before.complete else None


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
    return compare_views(build(recipe), turns=turns, episodes=episodes)


# ---------------------------------------------------------------- small pieces


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


def _outcome(outcome: TrainResult) -> Summary:
    return {
        "steps": outcome.step,
        "interrupted": outcome.interrupted,
        "checkpoint": str(outcome.checkpoint) if outcome.checkpoint else None,
    }


def _evaluated(run: RunDir, evaluation: Evaluation) -> Summary:
    """The cells of an evaluation, what was remembered, the expert's, how many failed, and what to know first."""
    table = remembering_table(evaluation)
    return {
        "cells": [_row(cell) for cell in evaluation.cells],
        "remembered": table.records(REMEMBERED) if table else [],
        "ceiling": [_expert(one, evaluation.cell(one.memory, one.key)) for one in evaluation.ceiling],
        "failed": evaluation.failed,
        "findings": list(findings(evaluation, resume_command(run.path, evaluation.label))),
    }


def _row(cell: Cell) -> Summary:
    """A cell's means; what a score must be read with comes right after it: narrow terminals leave out the rest."""
    first = (*cell.scored[:2], Measure.PEAK, Measure.ANSWER_RATE, Measure.TOKENS)
    then = (Measure.MALFORMED, Measure.EARLY_STOP, Measure.ACTIONS_PER_OBJECTIVE)
    means = {
        measure: cell.metrics[measure].mean for measure in (*first, *then, *cell.metrics) if measure in cell.metrics
    }
    row: Summary = {"tasks": cell.key.name, "strategy": cell.strategy}
    row |= {str(name): means.pop(name) for name in first if name in means}
    row |= {"failed": cell.failed, "n": cell.contents}
    row |= {str(name): mean for name, mean in means.items()}
    return row | ({"scored by": "; ".join(cell.scorers)} if cell.scored[:1] != ("em",) else {})


def _expert(ceiling: Ceiling, cell: Cell | None) -> Summary:
    """What the expert reached, an objective and at what cost, behind what the policy did."""
    first = {"composition", "objectives", "session", "memory", "per_objective", "n", "failures"}
    told = ceiling.model_dump(mode="json", exclude=first)
    own = cell.metrics.get(f"{cell.scored[0]}{PER_OBJECTIVE}") if cell is not None and cell.scored else None
    row: Summary = {"tasks": ceiling.key.name, "strategy": ceiling.memory, "policy": own.mean if own else None}
    row |= {"expert": ceiling.per_objective, **{name.replace("_", " "): value for name, value in told.items()}}
    return row | {"n": ceiling.n} | ({"failed": ceiling.failed} if ceiling.failed else {})


def _gain(before: Evaluation, after: Evaluation) -> Summary:
    """The main metric summed before and after training, cell by cell, and the paired difference with its interval."""
    old = {(cell.strategy, cell.key): cell for cell in before.cells}
    gains: Summary = {}
    for cell in after.cells:
        was = old.get((cell.strategy, cell.key))
        main = next(iter(cell.scored), "")
        difference = bootstrap_of(after).paired(was, cell, main) if was is not None else None
        if was is None or difference is None:
            continue
        text = f"{was.metrics[main].mean:.2f} -> {cell.metrics[main].mean:.2f}"
        if difference.low is not None and difference.high is not None:
            percent = f"{100 * after.plan.confidence:g} %"
            text += f" ({difference.mean:+.2f}, {percent} interval {difference.low:+.2f} to {difference.high:+.2f}"
            text += f", n = {difference.n})"
        gains[f"summed {spec_of(main).label}, {cell.key.name}"] = text
    return gains
