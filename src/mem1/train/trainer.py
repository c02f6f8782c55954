"""Reinforcement learning: rollout -> reward -> advantage -> update."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import torch
from rich.console import Console
from torch import nn

from mem1.errors import ConfigError, NoSignalError
from mem1.rollout.health import RolloutHealthCheck
from mem1.storage.run_dir import RunDir
from mem1.train.advantages.earnings import ObjectiveRewards
from mem1.train.advantages.ledger import Ledger
from mem1.train.advantages.ppo import Ppo
from mem1.train.ahead import Ahead, Rollout, WithAhead, staleness
from mem1.train.backends.local import LocalBackend
from mem1.train.config import TrainConfig
from mem1.train.gap import gap_metrics
from mem1.train.loop import Evaluate, Loop, Schedule, TrainResult
from mem1.train.memory_credit.probes import Probes
from mem1.train.metrics import Values, rollout_metrics, update_metrics
from mem1.train.monitors.config import MonitorConfig
from mem1.train.policy.critic import make_critic
from mem1.train.policy.exactness import training_view
from mem1.train.policy.optimizer import make_optimizer, rate
from mem1.train.policy.policy import Policy, reference_of
from mem1.train.prepare import Minibatch
from mem1.train.recorder import Recorder
from mem1.train.rows.calls import without_side_calls
from mem1.train.saving.checkpoint import Progress, Saved, Trained
from mem1.train.selection import Selection, scored, select
from mem1.train.update import StepStats
from mem1.types import Episode, EpisodeGroup

SHOWN = {
    "reward/mean": "reward",
    "quality/em": "em",
    "quality/success": "success",
    "quality/answer_rate": "answered",
    "episode/state_length": "state",
    "episode/peak": "peak",
    "policy/entropy": "entropy",
    "seconds/step": "s",
}


class Trainer:
    """Trains a policy by reinforcement learning.

    Args:
        policy: What is trained; the engine that ``rollout`` uses may share its model.
        config: Settings.
        run: The run directory.
        rollout: Episodes for step ``step`` (counted from 0), scored and with rewards, or an awaitable of them: it is
            awaited on the command's event loop (``event_loop``). It may depend on ``step`` and the weights only, else a
            resumed run is not the same as an undisturbed one. With ``config.staleness`` it is called while weights
            change, so that its sampler must write with a copy of them that ``on_weights`` brings up to date.
        objective_rewards: What each objective adds to an episode's reward, from its score; needed for
            ``credit = "objective"`` only.
        probes: What the policy is asked for credit for memory (``config.memory_credit``).
        evaluate: Measures the weights after ``step`` steps.
        reference: What KL is taken against, at the same temperature; by default the policy as it was handed over.
        on_weights: Told the number of complete steps whenever the weights have changed.
        before_learning: Called when the rollout of a step is there: its sampler may rest until ``on_weights``.
        extra_files: Writes what belongs beside the weights (the tokenizer) into a checkpoint's model directory.
        console: For the progress; ``None`` for silence.
        monitors: Who else follows the run.
    """

    def __init__(
        self,
        policy: Policy,
        config: TrainConfig,
        run: RunDir,
        *,
        rollout: Rollout,
        objective_rewards: ObjectiveRewards | None = None,
        probes: Probes | None = None,
        evaluate: Evaluate | None = None,
        reference: Policy | None = None,
        on_weights: Callable[[int], None] | None = None,
        before_learning: Callable[[], None] = lambda: None,
        extra_files: Callable[[Path], None] | None = None,
        console: Console | None = None,
        monitors: Sequence[MonitorConfig] = (),
    ) -> None:
        policy.autocast = config.autocast == "bfloat16"
        policy.temperature = config.temperature
        policy.checkpointing = config.checkpointing
        policy.chunk_logits(config.logit_chunk)
        view = training_view(policy.model, length=config.rows.capacity)
        compared = (reference or reference_of(policy)) if config.kl.coef > 0 else None
        if compared is not None:
            compared.temperature = config.temperature
            compared.chunk_logits(config.logit_chunk)
        critic = make_critic(policy, config.algorithm.critic) if isinstance(config.algorithm, Ppo) else None
        trained = _trained(policy, critic, config)
        backend = LocalBackend(policy, critic, trained.optimizer, config, view=view, reference=compared, probes=probes)
        self._learner = Reinforcement(config, backend, rollout, Ledger(config, objective_rewards))
        self._loop = reinforcement_loop(
            run,
            config,
            WithAhead(trained, self._learner.ahead),
            evaluate=evaluate,
            on_weights=on_weights,
            before_learning=before_learning,
            extra_files=extra_files,
            console=console,
            monitors=monitors,
        )

    def train(self, *, resume: bool = False) -> TrainResult:
        """Train until the configured number of steps is done, or until Ctrl-C. See ``Loop.run``.

        Raises:
            CheckpointError: As ``Loop.run``.
            NoSignalError: Too many steps in a row without any difference between rewards.
        """
        return self._loop.run(self._learner, resume=resume)


def reinforcement_loop(
    run: RunDir,
    config: TrainConfig,
    trained: Saved,
    *,
    evaluate: Evaluate | None,
    on_weights: Callable[[int], None] | None,
    extra_files: Callable[[Path], None] | None,
    console: Console | None,
    before_learning: Callable[[], None] = lambda: None,
    monitors: Sequence[MonitorConfig],
) -> Loop:
    """The loop that every ``Reinforcement`` runs in, wherever the weights are; arguments as for ``Loop``."""
    return Loop(
        run,
        config,
        Schedule.of(config),
        trained,
        shown=SHOWN,
        episodes="train",
        evaluate=evaluate,
        on_weights=on_weights,
        before_learning=before_learning,
        extra_files=extra_files,
        console=console,
        monitors=monitors,
    )


class Updater(Protocol):
    """Who turns a rollout into updates: it holds the weights, wherever they are."""

    @property
    def has_critic(self) -> bool:
        """Whether values are learned beside the policy: from any rollout, even one of equal rewards."""

    def prepare(self, selection: Selection, ledger: Ledger, rng: random.Random) -> list[Minibatch]:
        """The minibatches of a rollout, under the weights as they are."""

    def set_rate(self, factor: float, *, critic_only: bool) -> None:
        """What the updates that follow learn with: a share of the configured rates; for the policy none of it."""

    def update(self, minibatch: Minibatch) -> StepStats:
        """One optimizer step."""

    def finish(self) -> None:
        """The updates of a rollout are done."""


class Reinforcement:
    """What reinforcement learning does in each step (a ``Learner``), wherever the weights are."""

    def __init__(self, config: TrainConfig, backend: Updater, rollout: Rollout, ledger: Ledger) -> None:
        self._config = config
        self._backend = backend
        self.ahead = Ahead(rollout, staleness=config.staleness, steps=config.steps, check=_check)
        self._ledger = ledger

    def gather(self, progress: Progress) -> list[EpisodeGroup]:
        """The rollout of the next step.

        Raises if not one of its episodes got going (see ``RolloutHealthCheck``), and ``ConfigError`` if one holds
        inexact tokens.
        """
        return [_with_known_rewards(group) for group in self.ahead.take(progress.step)]

    def learn(self, gathered: list[EpisodeGroup], progress: Progress, recorder: Recorder) -> tuple[Values, Progress]:
        """Advantages, update, and record the episodes; rollouts that are made ahead go on meanwhile."""
        return self.ahead.while_learning(progress.step, lambda: self._learn(gathered, progress, recorder))

    def _learn(self, gathered: list[EpisodeGroup], progress: Progress, recorder: Recorder) -> tuple[Values, Progress]:
        began = time.perf_counter()
        selection = select(
            gathered if self._config.side_calls else [_turns_only(group) for group in gathered],
            compare_in_groups=self._config.uses_groups,
            amounts=self._ledger.amounts,
            masked=self._config.overlong.masked,
        )
        minibatches = self._prepare(selection, progress.step)
        prepared = time.perf_counter()
        factor = rate(self._config.optimizer, progress.step, self._config.steps)
        updates = self._update(minibatches, factor, progress.step)
        values = rollout_metrics(gathered, selection) | update_metrics(updates)
        values |= gap_metrics(updates, self._config)
        values |= {
            "policy/lr": self._config.optimizer.lr * factor,
            "seconds/prepare": prepared - began,
            "seconds/update": time.perf_counter() - prepared,
        }
        if self._config.staleness:
            values |= _staleness_metrics(gathered, progress.step)
        recorder.episodes(_with_advantage(gathered, minibatches))
        tokens = sum(minibatch.batch.size for minibatch in minibatches)
        return values, progress.model_copy(
            update={
                "trained_tokens": progress.trained_tokens + tokens,
                "without_signal": 0 if selection.signal else progress.without_signal + 1,
            }
        )

    def check(self, progress: Progress) -> None:
        """Raise ``NoSignalError`` when rewards have not differed for too long."""
        if progress.without_signal >= self._config.no_signal_limit:
            raise NoSignalError(
                f"{progress.without_signal} steps in a row without any difference between rewards",
                where="train.no_signal_limit",
                hint="look at the episodes. All solved: train on harder tasks. None solved: easier tasks, a better "
                "warm start, more episodes a group or a higher temperature. Failed: their records carry the error",
            )

    def _prepare(self, selection: Selection, step: int) -> list[Minibatch]:
        """Minibatches to train on; none where the rewards say nothing (a critic learns from any)."""
        if not selection.trainable or not (selection.signal or self._backend.has_critic):
            return []
        return self._backend.prepare(selection, self._ledger, random.Random(f"{self._config.seed}/{step}"))

    def _update(self, minibatches: list[Minibatch], factor: float, step: int) -> list[StepStats]:
        algorithm = self._config.algorithm
        warming_up = isinstance(algorithm, Ppo) and step < algorithm.critic_warmup
        self._backend.set_rate(factor, critic_only=warming_up)
        updates = [self._backend.update(minibatch) for _ in range(self._config.epochs) for minibatch in minibatches]
        self._backend.finish()
        return updates


def _staleness_metrics(groups: Sequence[EpisodeGroup], step: int) -> Values:
    found = [staleness(episode, step) for group in groups for episode in group.episodes]
    known = [one for one in found if one is not None]
    return {"policy/staleness": sum(known) / len(known), "policy/staleness_max": max(known)} if known else {}


def _with_known_rewards(group: EpisodeGroup) -> EpisodeGroup:
    """``group`` with no reward where there was one that is no number."""
    if all(episode.reward is None or math.isfinite(episode.reward) for episode in group.episodes):
        return group
    return group.model_copy(
        update={
            "episodes": tuple(
                episode if scored(episode) else episode.model_copy(update={"reward": None})
                for episode in group.episodes
            )
        }
    )


def _turns_only(group: EpisodeGroup) -> EpisodeGroup:
    return group.model_copy(update={"episodes": tuple(map(without_side_calls, group.episodes))})


def _check(groups: Sequence[EpisodeGroup], step: int) -> None:
    """Raise where nothing can be learned from the rollout of ``step``."""
    RolloutHealthCheck(e for group in groups for e in group.episodes).check(f"rollout of step {step + 1}")
    _check_exact(groups)


def _check_exact(groups: Sequence[EpisodeGroup]) -> None:
    """Raise ``ConfigError`` if what was sampled is not known token by token: there is nothing to compare with."""
    for episode in (episode for group in groups for episode in group.episodes):
        if not all(turn.exact for turn in episode.turns):
            raise ConfigError(
                f"episode {episode.id!r} was written by a server that gives text: neither the ids that it sampled nor "
                "their log-probabilities are known",
                where="engine.type",
                hint='train with [engine] type = "transformers"; text can be learned from by supervised training only',
            )


def _with_advantage(groups: Sequence[EpisodeGroup], minibatches: Sequence[Minibatch]) -> Iterator[Episode]:
    """All episodes, those trained on with their advantage and that of each turn (means over sampled tokens)."""
    credited = {episode.id: episode for part in minibatches for episode in _with_advantages(part)}
    for group in groups:
        for episode in group.episodes:
            known = credited.get(episode.id)
            found = {"advantage": known.advantage, "turns": known.turns} if known else {"advantage": None}
            yield episode.model_copy(update=found)


def _with_advantages(minibatch: Minibatch) -> Iterator[Episode]:
    batch = minibatch.batch
    for index, episode in enumerate(batch.episodes):
        mine = slice(int(batch.starts[index]), int(batch.starts[index + 1]))
        advantages, turn_of = minibatch.advantages[mine], batch.turn_of[mine]
        counts = turn_of.bincount(minlength=len(episode.turns))
        sums = torch.zeros(len(episode.turns)).index_add_(0, turn_of, advantages)
        turns = tuple(
            turn.model_copy(update={"advantage": total / count if count else None})
            for turn, total, count in zip(episode.turns, sums.tolist(), counts.tolist(), strict=True)
        )
        whole = float(advantages.mean()) if len(advantages) else None
        yield episode.model_copy(update={"advantage": whole, "turns": turns})


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
