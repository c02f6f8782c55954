"""The loop that reinforcement learning and the warm start share: steps, checkpoints, resumption, Ctrl-C."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from rich.console import Console

from mem1.config import Config
from mem1.errors import BackendError, CheckpointError, Mem1Error
from mem1.storage.run_dir import RunDir
from mem1.train.config import TrainConfig, WarmstartConfig
from mem1.train.interrupt import deferred_interrupt
from mem1.train.metrics import Values
from mem1.train.monitors.config import MonitorConfig
from mem1.train.recorder import Recorder, rewind
from mem1.train.saving.checkpoint import Checkpoints, Progress, Saved, get_rng
from mem1.train.saving.provenance import best_of

Gathered = TypeVar("Gathered")

Evaluate = Callable[[int], Mapping[str, float] | None]
"""Measures the weights after so many steps; ``None`` for nothing to report."""


class Learner(Protocol[Gathered]):
    """What a loop does in each step."""

    def gather(self, progress: Progress) -> Gathered:
        """Get what the next step learns from. May be cut short by Ctrl-C; must leave the weights alone.

        What it returns may depend on ``progress`` and the weights only, else a resumed run is not the same as an
        undisturbed one.
        """

    def learn(self, gathered: Gathered, progress: Progress, recorder: Recorder) -> tuple[Values, Progress]:
        """Change the weights. Returns the step's metrics and ``progress`` with the learner's own counts brought up."""

    def check(self, progress: Progress) -> None:
        """Called when a step is complete and saved if due; raises to end the run."""


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How a run ended: ``step`` steps are complete; ``checkpoint`` is the last one saved."""

    step: int
    interrupted: bool
    checkpoint: Path | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How many steps, and after how many of them what happens. ``evaluate_every`` and ``keep_every`` 0 are never."""

    steps: int
    checkpoint_every: int
    evaluate_every: int
    keep: int
    keep_every: int = 0

    @classmethod
    def of(cls, config: TrainConfig | WarmstartConfig) -> Schedule:
        """What a recipe says of it."""
        return cls(config.steps, config.checkpoint_every, config.evaluate_every, config.keep, config.keep_every)


def watched_score(values: Mapping[str, float]) -> float | None:
    """What the best checkpoint is chosen by: the first of the scores, or where there is none the loss turned around."""
    scores = [value for name, value in values.items() if name not in ("loss", "answer_rate")]
    score = scores[0] if scores else -values["loss"] if "loss" in values else None
    return score if score is not None and math.isfinite(score) else None


class Loop:
    """Runs a learner step by step in a run directory.

    Args:
        run: The run directory.
        config: What a resumed run must not differ in.
        schedule: When things happen.
        trained: Everything whose state makes up a checkpoint.
        shown: Metric names for the console, each with the label to show.
        episodes: Name of the episode file, or ``None`` for a run that records none.
        evaluate: Called before the first step, every ``evaluate_every`` steps, and after the last one.
        on_weights: Told the number of complete steps whenever the weights have changed.
        before_learning: Called when a step has what it learns from: who sampled it has nothing to do until
            ``on_weights`` or ``evaluate``.
        extra_files: Writes what belongs beside the weights (the tokenizer) into a checkpoint's model directory.
        console: For the progress; ``None`` for silence.
        monitors: Who else follows the run.
    """

    def __init__(
        self,
        run: RunDir,
        config: Config,
        schedule: Schedule,
        trained: Saved,
        *,
        shown: Mapping[str, str],
        episodes: str | None,
        evaluate: Evaluate | None,
        on_weights: Callable[[int], None] | None,
        extra_files: Callable[[Path], None] | None,
        console: Console | None,
        before_learning: Callable[[], None] = lambda: None,
        monitors: Sequence[MonitorConfig] = (),
    ) -> None:
        self._run = run
        self._config = config
        self._schedule = schedule
        self._trained = trained
        self._shown = shown
        self._episodes = episodes
        self._evaluate = evaluate
        self._on_weights = on_weights
        self._before_learning = before_learning
        self._console = console
        self._monitors = monitors
        self._checkpoints = Checkpoints(
            run.checkpoints, keep=schedule.keep, keep_every=schedule.keep_every, extra_files=extra_files
        )
        self._progress = Progress(step=0, config=config.model_dump(mode="json"))
        self._rng: dict[str, Any] = {}
        self._whole = True

    def run(self, learner: Learner[Gathered], *, resume: bool = False) -> TrainResult:
        """Go on until all steps are done, or until Ctrl-C.

        With ``resume`` a run goes on from its last checkpoint; one that was cut short before its first starts anew.

        Raises:
            BackendError: An evaluation could score nothing.
            CheckpointError: A checkpoint is missing, damaged, or made with another configuration; or there is a run
                here already and ``resume`` was not asked for.
        """
        self._start(resume)
        steps, start = self._schedule.steps, self._progress.step
        with Recorder(
            self._run,
            steps=steps,
            start=start,
            console=self._console,
            shown=self._shown,
            episodes=self._episodes,
            monitors=self._monitors,
        ) as recorder:
            try:
                if start == 0:
                    self._progress = self._progress.model_copy(update={"marks": recorder.marks()})
                    self._save(recorder)
                while self._progress.step < steps:
                    self._evaluate_if_due(recorder)
                    self._step(learner, recorder)
                self._save(recorder)
                self._evaluate_if_due(recorder)
            except KeyboardInterrupt:
                self._save(recorder)
                recorder.say(self._farewell())
                return TrainResult(self._progress.step, True, self._checkpoints.latest())
            except Exception:
                with suppress(Mem1Error):
                    self._save(recorder)
                raise
        return TrainResult(self._progress.step, False, self._checkpoints.latest())

    def _start(self, resume: bool) -> None:
        latest = self._checkpoints.latest()
        metrics = self._run.metrics
        if latest is None and metrics.exists() and metrics.stat().st_size > 0:
            raise CheckpointError(
                "the run has metrics but no checkpoint",
                where=str(self._run.checkpoints),
                hint="restore its checkpoints, or start a new run in another directory",
            )
        if latest is not None:
            if not resume:
                raise CheckpointError(
                    "there is a run here already",
                    where=str(self._run.path),
                    hint=f"resume it (--run {self._run.path} --resume) or choose another directory",
                )
            self._progress = self._checkpoints.load(latest, self._trained, self._config)
            rewind(self._run, self._progress.marks, episodes=self._episodes)
        self._rng = get_rng()
        self._tell()

    def _step(self, learner: Learner[Gathered], recorder: Recorder) -> None:
        began = time.perf_counter()
        gathered = learner.gather(self._progress)
        self._before_learning()
        with deferred_interrupt():
            self._whole = False
            rolled_out = time.perf_counter()
            values, progress = learner.learn(gathered, self._progress, recorder)
            ended = time.perf_counter()
            done = self._progress.step + 1
            tokens = progress.trained_tokens - self._progress.trained_tokens
            recorder.step(
                done,
                values
                | {
                    "seconds/rollout": rolled_out - began,
                    "seconds/learn": ended - rolled_out,
                    "seconds/step": ended - began,
                    "speed/tokens": tokens / (ended - began),
                    "speed/learn_tokens": tokens / (ended - rolled_out),
                },
            )
            self._progress = progress.model_copy(update={"step": done, "marks": recorder.marks()})
            self._rng = get_rng()
            self._whole = True
            self._tell()
            if done % self._schedule.checkpoint_every == 0:
                self._save(recorder)
        learner.check(self._progress)

    def _evaluate_if_due(self, recorder: Recorder) -> None:
        every, step = self._schedule.evaluate_every, self._progress.step
        if self._evaluate is None or not every or (step % every and step < self._schedule.steps):
            return
        values = self._evaluate(step)
        if values is not None and not values:
            raise BackendError(
                f"nothing could be scored in the evaluation after step {step}: every episode failed",
                where=str(self._run.path),
                hint="the weights may be broken: look at the metrics, then start a new run from an older "
                "checkpoint's model with a lower learning rate",
            )
        if values is not None:
            recorder.evaluation(step, values)
            self._keep_if_best(watched_score(values), recorder)

    def _keep_if_best(self, score: float | None, recorder: Recorder) -> None:
        """A checkpoint of the present step, where nothing before it scored as much."""
        best = best_of(self._run.checkpoints)
        if score is not None and (best is None or score > best.score):
            self._save(recorder)
            self._checkpoints.found_best(self._progress.step, score)

    def _save(self, recorder: Recorder) -> None:
        """Save the last complete step; nothing where an update was cut short, for then the weights are not whole."""
        if self._whole:
            recorder.sync()
            self._checkpoints.save(self._trained, self._progress, self._rng)

    def _tell(self) -> None:
        if self._on_weights is not None:
            self._on_weights(self._progress.step)

    def _farewell(self) -> str:
        saved = self._checkpoints.latest()
        where = f"{saved.name} of {self._schedule.steps} is saved" if saved else "nothing is saved yet"
        return f"Stopped; {where}. To go on: the same command with --run {self._run.path} --resume"
