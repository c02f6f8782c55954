"""How fast earlier runs of the same model and engine were, from what they recorded. Nothing is measured here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

from mem1.errors import Mem1Error
from mem1.evaluation.measures import Measure
from mem1.evaluation.records import Cell, Evaluation
from mem1.recipe import NEW_TINY, Recipe
from mem1.report.listing.index import RunsIndex
from mem1.storage.atomic import read_json
from mem1.storage.metrics import read_metrics
from mem1.storage.run_dir import RunDir
from mem1.threads import cores

_LOOKED_AT = 50  # runs, the newest first
_ENGINE = ("type", "base_url", "device", "dtype")  # what of an engine its speed hangs on, its model aside


@dataclass(frozen=True, slots=True)
class Speed:
    """``seconds`` for one of what is counted, as measured in the run ``run``, ``under`` which conditions."""

    seconds: float
    run: str
    under: str = ""

    def __str__(self) -> str:
        return f"{self.run} ({self.under})" if self.under else self.run


@dataclass(slots=True)
class Speeds:
    """What is known: the newest run's word on each.

    ``played``: of a token read or written in an evaluation, by strategy, the others that were in flight beside it
    taken into account; ``trained``: of a token written in a training step, rollout and update; ``rolled``: the same
    of the rollout alone; ``warmed``: of a demonstration in a warm start.
    """

    played: dict[str, Speed] = field(default_factory=dict)
    trained: Speed | None = None
    rolled: Speed | None = None
    warmed: Speed | None = None

    def playing(self, strategy: str) -> Speed | None:
        """Of a token under ``strategy``; of another strategy's where that one was never measured."""
        return self.played.get(strategy) or next(iter(self.played.values()), None)


def recorded(recipe: Recipe) -> Speeds:
    """What the runs below the recipe's ``runs`` say of its model on its engine; runs of other machines say nothing.

    A model out of a run counts as that run's: weights change what is written, not how fast.
    """
    found = Speeds()
    wanted = _made_of(recipe.model_dump(mode="json"))
    for name, run, config in _runs(Path(recipe.runs)):
        if _made_of(config) == wanted:
            _learn_from_evaluations(found, name, run, here=recipe.writer.shares_weights)
            _learn_from_steps(found, name, run, config)
    return found


def _runs(folder: Path) -> Iterator[tuple[str, RunDir, Mapping[str, Any]]]:
    """The runs below ``folder`` that can be read, the newest first."""
    if not folder.is_dir():
        return
    index = RunsIndex(folder)
    for one in islice(index.runs(), _LOOKED_AT):
        path = index.path(one.name)
        if path is not None:
            run = RunDir(path)
            try:
                config = read_json(run.config_json)
            except Mem1Error:
                continue
            if isinstance(config, dict):
                yield f"{folder / one.name}", run, config


def _made_of(config: Mapping[str, Any]) -> tuple[Any, ...]:
    """Model and engine of a configuration, as far as its speed hangs on them."""
    engine, backend, tiny = (_table(config.get(name)) for name in ("engine", "backend", "tiny"))
    model = str(config.get("model"))
    return (_origin(model), tuple(engine.get(name) for name in _ENGINE), backend.get("type"),
            tuple(tiny.items()) if model == NEW_TINY else ())  # fmt: skip


def _origin(model: str) -> str:
    """The model that a run began with, where ``model`` is one of that run's checkpoints."""
    path = Path(model)
    if path.name == "model" and path.parent.parent.name == "checkpoints":
        try:
            return _origin(str(_table(read_json(RunDir(path.parents[2]).config_json)).get("model")))
        except Mem1Error:
            return model
    return model


def _learn_from_evaluations(found: Speeds, name: str, run: RunDir, *, here: bool) -> None:
    """Strategies take turns, so the wall time is shared among them as the seconds of their episodes are."""
    for label in run.evaluations():
        try:
            evaluation = run.read_evaluation(label, Evaluation)
        except Mem1Error:
            continue
        conditions = evaluation.conditions
        wall = sum(one.seconds or 0.0 for one in conditions)
        played = sum(one.episodes for one in conditions) >= sum(cell.episodes for cell in evaluation.cells)
        whole = evaluation.complete and played and all(one.seconds is not None for one in conditions)
        if not whole or not wall or (here and any(one.cores != cores() for one in conditions)):
            continue
        seconds, tokens = (_sums(evaluation.cells, measure) for measure in (Measure.SECONDS, Measure.TOKENS))
        share = wall / sum(seconds.values()) if sum(seconds.values()) else 0.0
        last = conditions[-1]
        load = "" if last.load is None else f", load {last.load:.1f} on {last.cores} cores"
        for strategy, count in tokens.items():
            if count and share and strategy not in found.played:
                speed = share * seconds[strategy] / count
                found.played[strategy] = Speed(speed, name, f"{last.concurrency} at a time{load}")


def _sums(cells: tuple[Cell, ...], measure: Measure) -> dict[str, float]:
    """A measure summed over the episodes of each strategy."""
    found: dict[str, float] = {}
    for cell in cells:
        if measure in cell.metrics:
            value = cell.metrics[measure].mean * (cell.episodes - cell.failed)
            found[cell.strategy] = found.get(cell.strategy, 0.0) + value
    return found


def _learn_from_steps(found: Speeds, name: str, run: RunDir, config: Mapping[str, Any]) -> None:
    """Medians over the steps: the first may have waited for a compiler, and any for another program."""
    trained, rolled, warmed = [], [], []
    per_step = _table(config.get("warmstart")).get("episodes_per_step")
    try:
        for row in read_metrics(run.metrics) if run.metrics.is_file() else ():
            step, rollout, episodes, written = (
                row.get(key) for key in ("seconds/step", "seconds/rollout", "count/episodes", "episode/sampled")
            )
            if not isinstance(step, int | float):
                continue
            if "warmstart/loss" in row and isinstance(per_step, int) and per_step > 0:
                warmed.append(step / per_step)
            elif isinstance(episodes, int | float) and isinstance(written, int | float) and episodes * written > 0:
                trained.append(step / (episodes * written))
                if isinstance(rollout, int | float):
                    rolled.append(rollout / (episodes * written))
    except Mem1Error:
        return
    under = f"median of {len(trained) or len(warmed)} steps"
    found.trained = found.trained or (Speed(median(trained), name, under) if trained else None)
    found.rolled = found.rolled or (Speed(median(rolled), name, under) if rolled else None)
    found.warmed = found.warmed or (Speed(median(warmed), name, under) if warmed else None)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
