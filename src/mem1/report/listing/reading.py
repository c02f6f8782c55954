"""One run's summary, from its files. Whatever they hold, the outcome is a summary: damage is told of, never raised."""

from __future__ import annotations

import hashlib
import json
import math
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from mem1.errors import Mem1Error, StorageError
from mem1.evaluation.measures import PER_OBJECTIVE, Measure
from mem1.evaluation.records import Evaluation, Metric
from mem1.report.listing.summary import EvaluationSummary, Headline, RunSummary, Status, headline, summarized
from mem1.storage.atomic import read_document, read_json
from mem1.storage.episodes import index_path
from mem1.storage.metrics import read_metrics
from mem1.storage.run_dir import RunDir

BESIDES = ("name", "seed", "runs")
"""What may differ between two runs of the same settings."""
_PAUSE = 15 * 60  # seconds between two lines of the log: more, and nothing ran
_LOG = 16 << 20  # bytes of the log
_COUNTED = 256 << 20  # bytes of an index whose lines are counted
_MOST = 1000  # evaluations
_CLOCK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def summary_of(name: str, path: Path, changed: float) -> RunSummary:
    """The summary of the run at ``path`` while nobody writes it (``index.py`` sees whether somebody does)."""
    try:
        run = RunDir.open(path)
    except Mem1Error as error:
        return RunSummary(name, Status.DAMAGED, (_told(error),), changed=changed)
    problems: list[str] = []
    config = _config(run, problems)
    evaluations = tuple(sorted(_evaluations(run, problems), key=lambda one: (one.version, one.label)))
    metrics = _metrics(run, problems, _whole(_part(config, "tasks").get("objectives")) or 1)
    last = evaluations[-1] if evaluations else None
    train, memory = _part(config, "warmstart" if metrics.warm else "train"), _part(config, "memory")
    episodes, began = _episodes(run)
    planned = train.get("steps") if metrics.steps else None
    seconds = _seconds(run, metrics.seconds, problems)
    return RunSummary(
        name=name,
        status=Status.DAMAGED if problems else _status(run, evaluations, metrics.steps, _whole(planned), began),
        problems=tuple(problems),
        recipe=_text(config.get("name")),
        model=last.model if last else _text(config.get("model")),
        strategy=_text(memory.get("type")),
        seed=_whole(config.get("seed")),
        settings=settings_of(config),
        evaluations=evaluations,
        steps=metrics.steps,
        planned=_whole(planned),
        score=(headline(last) if last else None) or metrics.score,
        horizon=max((cell.key.objectives for one in evaluations for cell in one.cells), default=None),
        episodes=episodes,
        failed=sum(cell.failed for one in evaluations for cell in one.cells),
        seconds=seconds,
        cost=_cost(evaluations),
        currency=next((one.currency for one in reversed(evaluations) if one.currency), None),
        changed=changed,
    )


def settings_of(config: dict[str, Any]) -> str | None:
    """What is equal for configurations that differ in name, seed and place only; ``None`` where there is none."""
    kept = {key: value for key, value in config.items() if key not in BESIDES}
    if not kept:
        return None
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()[:12]


class _Metrics(NamedTuple):
    """The last training step, the seconds of all, whether it was a warm start, and the last score measured."""

    steps: int | None = None
    seconds: float = 0.0
    warm: bool = False
    score: Headline | None = None


def _config(run: RunDir, problems: list[str]) -> dict[str, Any]:
    """The configuration as plain values: nothing that it names is looked up."""
    try:
        found = read_json(run.config_json)
        run.versions()
    except StorageError as error:
        problems.append(_told(error))
        return {}
    if not isinstance(found, dict):
        problems.append("config.json is not an object")
        return {}
    return found


def _evaluations(run: RunDir, problems: list[str]) -> Iterator[EvaluationSummary]:
    names = run.evaluations()
    if len(names) > _MOST:
        problems.append(f"{len(names)} evaluations, of which the first {_MOST} are listed")
    for name in names[:_MOST]:
        try:
            yield summarized(run.read_evaluation(name, Evaluation))
        except Mem1Error as error:
            problems.append(_told(error))


def _metrics(run: RunDir, problems: list[str], objectives: int) -> _Metrics:
    found = _Metrics()
    if not run.metrics.is_file():
        return found
    try:
        for row in read_metrics(run.metrics):
            found = _with(found, row, objectives)
    except StorageError as error:
        problems.append(_told(error))
    return found


def _with(found: _Metrics, row: dict[str, Any], objectives: int) -> _Metrics:
    """``objectives``: of a watched task, over which its score is summed; that of the episodes is a mean."""
    seconds, warm = _number(row.get("seconds/step")), "warmstart/loss" in row
    if seconds is not None or warm or "reward/mean" in row:  # a step, and not what was measured between two
        found = found._replace(steps=row["step"], seconds=found.seconds + (seconds or 0.0), warm=warm)
    for name, source in (("evaluation/em", "watched"), ("quality/em", "training")):
        value = _number(row.get(name))
        if value is not None and (source == "watched" or found.score is None or found.score.source == source):
            value /= max(1, objectives) if source == "watched" else 1
            metric = Metric(mean=value, low=None, high=None, n=0)
            found = found._replace(score=Headline(f"{Measure.EM}{PER_OBJECTIVE}", metric, source))
    return found


def _episodes(run: RunDir) -> tuple[int | None, bool]:
    """How many episodes there are, and whether there are any files of them at all."""
    files = run.episode_files()
    total = 0
    for path in files.values():
        index = index_path(path)
        try:
            if index.stat().st_size > _COUNTED:
                return None, True
            with index.open("rb") as file:
                while block := file.read(1 << 20):
                    total += block.count(b"\n")
        except OSError:
            return None, True
    return total, bool(files)


def _seconds(run: RunDir, steps: float, problems: list[str]) -> float | None:
    """What the clock of a demonstration says; else the log's time less its pauses; else the seconds of the steps."""
    with suppress(StorageError):
        logged = logged_seconds(read_document(run.log, _LOG).decode(errors="replace"))
        steps = max(steps, logged)
    try:
        return run.seconds() or steps or None
    except StorageError as error:
        problems.append(_told(error))
        return steps or None


def logged_seconds(log: str) -> float:
    """Seconds between the lines of a log; longer pauses than a quarter of an hour are left out."""
    times = []
    for line in log.splitlines():
        if _CLOCK.match(line):
            with suppress(ValueError, OverflowError):
                times.append(time.mktime(time.strptime(line[:19], "%Y-%m-%d %H:%M:%S")))
    gaps = [later - earlier for earlier, later in pairwise(times)]
    return math.fsum(gap for gap in gaps if 0 < gap <= _PAUSE)


def _status(
    run: RunDir, evaluations: tuple[EvaluationSummary, ...], steps: int | None, planned: int | None, began: bool
) -> Status:
    if steps is not None and planned is not None and steps < planned:
        return Status.STOPPED
    if not all(one.complete for one in evaluations):
        return Status.STOPPED
    if steps is None and not evaluations and not run.distillation.is_file():
        return Status.STOPPED if began else Status.EMPTY
    return Status.FINISHED


def _cost(evaluations: tuple[EvaluationSummary, ...]) -> float | None:
    costs = [
        (cell.metrics[Measure.COST].mean, cell.episodes - cell.failed)
        for one in evaluations
        for cell in one.cells
        if Measure.COST in cell.metrics
    ]
    return math.fsum(mean * count for mean, count in costs) if costs else None


def _part(config: dict[str, Any], name: str) -> dict[str, Any]:
    found = config.get(name)
    return found if isinstance(found, dict) else {}


def _told(error: Mem1Error) -> str:
    return f"{error.what} ({error.where})" if error.where else error.what


def _text(value: Any) -> str | None:
    return value[:200] if isinstance(value, str) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62 else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with suppress(OverflowError):
        return float(value)
    return None
