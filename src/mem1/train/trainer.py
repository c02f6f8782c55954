"""The loop: rollout -> reward -> advantage -> update, with evaluation, metrics and checkpoints."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import nn

from mem1.errors import CheckpointError, Mem1Error, NoSignalError
from mem1.storage.run_dir import RunDir
from mem1.train.checkpoint import Checkpoints, Progress, Trained, get_rng
from mem1.train.config import Ppo, TrainConfig
from mem1.train.critic import make_critic
from mem1.train.interrupt import deferred_interrupt
from mem1.train.metrics import rollout_metrics, update_metrics
from mem1.train.optimizer import make_optimizer, rate, set_rate
from mem1.train.policy import Policy, training_view
from mem1.train.prepare import Minibatch, prepare
from mem1.train.recorder import Recorder, rewind
from mem1.train.selection import Selection, select
from mem1.train.update import Updated, update
from mem1.types import Episode, EpisodeGroup

SHOWN = {
    "reward/mean": "reward",
    "quality/em": "em",
    "quality/answer_rate": "answered",
    "episode/state_length": "state",
    "episode/peak": "peak",
    "policy/entropy": "entropy",
    "seconds/step": "s",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How training ended: ``step`` steps are complete and saved in ``checkpoint``."""

    step: int
    interrupted: bool
    checkpoint: Path | None


class Trainer:
    """Trains a policy by reinforcement learning.

    Args:
        policy: What is trained; the engine that ``rollout`` uses may share its model.
        config: Settings.
        run: The run directory.
        rollout: Episodes for step ``step`` (counted from 0), scored and with rewards. It must depend on ``step`` and
            the weights only, else a resumed run is not the same as an undisturbed one.
        evaluate: Measures the weights after ``step`` steps.
        reference: What KL is taken against; by default the policy as it was handed over.
        on_weights: Told the number of complete steps whenever the weights have changed.
        companions: Writes what belongs beside the weights (the tokenizer) into a checkpoint's model directory.
        console: For the progress bar; ``None`` for silence.
    """

    def __init__(
        self,
        policy: Policy,
        config: TrainConfig,
        run: RunDir,
        *,
        rollout: Callable[[int], list[EpisodeGroup]],
        evaluate: Callable[[int], Mapping[str, float] | None] | None = None,
        reference: Policy | None = None,
        on_weights: Callable[[int], None] | None = None,
        companions: Callable[[Path], None] | None = None,
        console: Console | None = None,
    ) -> None:
        self._policy = policy
        self._config = config
        self._run = run
        self._rollout = rollout
        self._evaluate = evaluate
        self._on_weights = on_weights
        self._console = console
        policy.autocast = config.autocast == "bfloat16"
        self._view = training_view(policy.model)
        self._reference = None
        if config.kl.coef > 0:
            self._reference = reference or Policy(copy.deepcopy(policy.model), autocast=policy.autocast)
            self._reference.requires_grad_(False)
        self._critic = None
        if isinstance(config.algorithm, Ppo):
            self._critic = make_critic(policy, config.algorithm.critic)
        self._trained = _trained(policy, self._critic, config)
        self._checkpoints = Checkpoints(run.checkpoints, keep=config.keep, companions=companions)
        self._progress = Progress(step=0, config=config.model_dump(mode="json"))
        self._rng: dict[str, Any] = {}
        self._whole = True

    def train(self, *, resume: bool = False) -> Outcome:
        """Train until the configured number of steps is done, or until Ctrl-C.

        With ``resume`` a run goes on from its last checkpoint; one that was cut short before its first starts anew.

        Raises:
            CheckpointError: A checkpoint is missing, damaged, or made with another configuration; or there is a run
                here already and ``resume`` was not asked for.
            NoSignalError: Too many steps in a row without any difference between rewards.
        """
        self._start(resume)
        steps = self._config.steps
        start = self._progress.step
        with Recorder(self._run, steps=steps, start=start, console=self._console, shown=SHOWN) as recorder:
            try:
                if start == 0:
                    self._save()
                while self._progress.step < steps:
                    self._evaluate_if_due(recorder)
                    self._step(recorder)
                self._save()
                self._evaluate_if_due(recorder)
            except KeyboardInterrupt:
                self._save()
                recorder.say(self._farewell())
                return Outcome(self._progress.step, True, self._checkpoints.latest())
            except Exception:
                with suppress(Mem1Error):
                    self._save()
                raise
        return Outcome(self._progress.step, False, self._checkpoints.latest())

    def _start(self, resume: bool) -> None:
        latest = self._checkpoints.latest()
        metrics = self._run.metrics
        if latest is None and metrics.exists() and metrics.stat().st_size > 0:
            raise CheckpointError(
                "the run has metrics but no checkpoint",
                where=str(self._run.checkpoints),
                mend="restore its checkpoints, or start a new run in another directory",
            )
        if latest is not None:
            if not resume:
                raise CheckpointError(
                    "there is a run here already",
                    where=str(self._run.path),
                    mend=f"resume it (--run {self._run.path} --resume) or choose another directory",
                )
            self._progress = self._checkpoints.load(latest, self._trained, self._config)
            rewind(self._run.path, self._progress.marks)
        self._rng = get_rng()
        self._tell()

    def _step(self, recorder: Recorder) -> None:
        config, step = self._config, self._progress.step
        began = time.perf_counter()
        groups = self._rollout(step)
        with deferred_interrupt():
            self._whole = False
            rolled_out = time.perf_counter()
            selection = select(groups, compare_in_groups=config.uses_groups)
            minibatches = self._prepare(selection, step)
            prepared = time.perf_counter()
            updates = self._update(minibatches, step)
            ended = time.perf_counter()
            tokens = sum(minibatch.batch.size for minibatch in minibatches)
            values = rollout_metrics(groups, selection) | update_metrics(updates)
            values |= {
                "policy/lr": config.optimizer.lr * rate(config.optimizer, step, config.steps),
                "seconds/rollout": rolled_out - began,
                "seconds/prepare": prepared - rolled_out,
                "seconds/update": ended - prepared,
                "seconds/step": ended - began,
                "speed/tokens": tokens / (ended - began),
                "speed/trained_tokens": tokens / (ended - rolled_out),
            }
            recorder.episodes(self._credited(groups, minibatches))
            recorder.step(step + 1, values)
            self._progress = self._progress.model_copy(
                update={
                    "step": step + 1,
                    "marks": recorder.marks(),
                    "without_signal": 0 if selection.signal else self._progress.without_signal + 1,
                    "sampled_tokens": self._progress.sampled_tokens + tokens,
                }
            )
            self._rng = get_rng()
            self._whole = True
            self._tell()
            if self._progress.step % config.checkpoint_every == 0:
                self._save()
        if self._progress.without_signal >= config.no_signal_limit:
            raise _no_signal(self._progress.without_signal, selection)

    def _prepare(self, selection: Selection, step: int) -> list[Minibatch]:
        """Minibatches to train on; none where the rewards say nothing (a critic learns from any)."""
        if not selection.trainable or not (selection.signal or self._critic is not None):
            return []
        return prepare(
            selection,
            self._config,
            view=self._view,
            policy=self._policy,
            critic=self._critic,
            reference=self._reference,
            rng=random.Random(f"{self._config.seed}/{step}"),
        )

    def _update(self, minibatches: list[Minibatch], step: int) -> list[Updated]:
        set_rate(self._trained.optimizer, rate(self._config.optimizer, step, self._config.steps))
        updates = [
            update(self._policy, self._critic, self._trained.optimizer, minibatch, self._config)
            for _ in range(self._config.epochs)
            for minibatch in minibatches
        ]
        self._trained.optimizer.zero_grad(set_to_none=True)
        return updates

    def _evaluate_if_due(self, recorder: Recorder) -> None:
        every, step = self._config.evaluate_every, self._progress.step
        if self._evaluate is None or not every or (step % every and step < self._config.steps):
            return
        values = self._evaluate(step)
        if values is not None:
            recorder.evaluation(step, values)

    def _save(self) -> None:
        """Save the last complete step; nothing where an update was cut short, for then the weights are not whole."""
        if self._whole:
            self._checkpoints.save(self._trained, self._progress, self._rng)

    def _farewell(self) -> str:
        saved = self._checkpoints.latest()
        where = f"{saved.name} of {self._config.steps} is saved" if saved else "nothing is saved yet"
        return f"Stopped; {where}. To go on: the same command with --run {self._run.path} --resume"

    def _tell(self) -> None:
        if self._on_weights is not None:
            self._on_weights(self._progress.step)

    def _credited(self, groups: Sequence[EpisodeGroup], minibatches: Sequence[Minibatch]) -> Iterator[Episode]:
        """All episodes, those trained on with their advantage (with a critic: the mean over their tokens)."""
        advantages: dict[str, float] = {}
        for minibatch in minibatches:
            batch = minibatch.batch
            sums = torch.zeros(len(batch.episodes)).index_add_(0, batch.episode_of, minibatch.advantages)
            means = (sums / batch.starts.diff()).tolist()
            advantages |= {episode.id: mean for episode, mean in zip(batch.episodes, means, strict=True)}
        for group in groups:
            for episode in group.episodes:
                yield episode.model_copy(update={"advantage": advantages.get(episode.id)})


def _trained(policy: Policy, critic: Policy | None, config: TrainConfig) -> Trained:
    """The modules that learn and their optimizer."""
    modules: dict[str, nn.Module] = {}
    head: list[nn.Parameter] = []
    if critic is policy and policy.value_head is not None:
        modules["value_head"] = policy.value_head
        head = list(policy.value_head.parameters())
    elif critic is not None:
        modules["critic"] = critic
        head = list(critic.parameters())
    critic_lr = config.algorithm.critic_lr if isinstance(config.algorithm, Ppo) else config.optimizer.lr
    optimizer = make_optimizer(list(policy.model.parameters()), head, config.optimizer, critic_lr=critic_lr)
    return Trained(policy.model, modules, optimizer)


def _no_signal(streak: int, selection: Selection) -> NoSignalError:
    return NoSignalError(
        f"{streak} steps in a row without any difference between rewards "
        f"(last one: {selection.groups_seen} groups, {selection.episodes} episodes, {selection.failed} failed, "
        f"{selection.unscored} unscored)",
        where="train.no_signal_limit",
        mend="look at the episodes. All solved: train on harder tasks. None solved: easier tasks, a better warm start, "
        "more episodes a group or a higher temperature. Failed: their records carry the error",
    )
