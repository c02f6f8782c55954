"""verl's processes as one holder of weights, as a trainer of ours takes it (``Updater``, ``TrainerBackend``)."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mem1.errors import ModelError
from mem1.integrations.verl.inside.gone import training
from mem1.integrations.verl.inside.loss import critic_loss, policy_loss
from mem1.integrations.verl.inside.tensors import Rows, flat_of, rows_of
from mem1.train.advantages.ledger import Ledger
from mem1.train.advantages.ppo import Ppo
from mem1.train.config import TrainConfig
from mem1.train.losses.base import LossInput
from mem1.train.prepare import Minibatch, Scored, minibatch_of_rows, prepare
from mem1.train.rows.batch import Batch, batch_of_rows
from mem1.train.rows.row import Row, by_row
from mem1.train.saving.checkpoint import read_rng, write_rng
from mem1.train.selection import Selection
from mem1.train.update import StepStats, check_gap


@dataclass(frozen=True, slots=True)
class Group:
    """Processes that hold one model. ``mesh`` is what verl calls their data-parallel ranks."""

    workers: Any
    mesh: str
    output: str

    @property
    def processes(self) -> int:
        """How many parts a batch is cut into."""
        known = self.workers._dispatch_info
        if self.mesh not in known:
            known[self.mesh] = self.workers._query_dispatch_info(self.mesh)
        return int(max(known[self.mesh])) + 1


class VerlBackend:
    """Weights and optimizers in verl's processes.

    Args:
        policy: Those that hold the policy.
        critic: Those that hold the critic (PPO), or ``None``.
        reference: Asks the reference policy for log-probabilities, as ``policy.compute_ref_log_prob``, or ``None``.
        config: The recipe's ``train``.
        filler: A token that the model knows.
        sleep: Called before anything is computed: the sampler gives back the memory that it shares.
    """

    def __init__(
        self,
        policy: Any,
        critic: Any | None,
        reference: Callable[[Any], Any] | None,
        config: TrainConfig,
        *,
        filler: int,
        sleep: Callable[[], None] = lambda: None,
    ) -> None:
        self._policy = Group(policy, "actor", "log_probs")
        self._critic = None if critic is None else Group(critic, "train", "values")
        self._reference = reference
        self._config = config
        self._filler = filler
        self._sleep = sleep
        self._factor, self._held = 1.0, False
        policy.set_loss_fn(partial(policy_loss, config))
        if critic is not None:
            critic.set_loss_fn(partial(critic_loss, config))

    # ------------------------------------------------------------ as an Updater

    @property
    def has_critic(self) -> bool:
        """Whether values are learned beside the policy."""
        return self._critic is not None

    def prepare(self, selection: Selection, ledger: Ledger, rng: random.Random) -> list[Minibatch]:
        """The minibatches of a rollout. Raises ``BackendError``; ``InexactError`` as ``check_gap`` does."""
        self._sleep()
        minibatches = prepare(
            selection,
            self._config,
            view="reference",
            policy="policy",
            critic=None if self._critic is None else "critic",
            reference=None if self._reference is None else "reference",
            rng=rng,
            ledger=ledger,
            scores=self._score,
        )
        for minibatch in minibatches:
            assert minibatch.old_logprobs is not None
            check_gap(minibatch.old_logprobs, minibatch, self._config)
        return minibatches

    def set_rate(self, factor: float, *, critic_only: bool) -> None:
        """What the updates that follow learn with."""
        self._factor, self._held = factor, critic_only

    def update(self, minibatch: Minibatch) -> StepStats:
        """One optimizer step of the policy, and one of the critic.

        Raises ``BackendError``; ``ModelError`` where a gradient is not finite: its weights are then as before.
        """
        old = minibatch.old_logprobs
        assert old is not None
        columns = {
            "weights": minibatch.weights,
            "advantages": minibatch.advantages,
            "old_logprobs": old,
            "rollout_logprobs": minibatch.batch.rollout_logprobs,
            "sequence": minibatch.batch.sequence_of,
        }
        if minibatch.reference_logprobs is not None:
            columns["reference_logprobs"] = minibatch.reference_logprobs
        rate = 0.0 if self._held else self._config.optimizer.lr * self._factor
        entropy = self._config.entropy_coef > 0
        now, loss, norm = self._step(self._policy, minibatch.batch, columns, rate, calculate_entropy=entropy)
        value_loss = critic_norm = None
        if self._critic is not None:
            algorithm = self._config.algorithm
            assert isinstance(algorithm, Ppo)
            assert minibatch.old_values is not None
            assert minibatch.returns is not None
            columns = {
                "weights": minibatch.weights,
                "old_values": minibatch.old_values,
                "returns": minibatch.returns,
            }
            rate = algorithm.critic_lr * self._factor
            _, value_loss, critic_norm = self._step(self._critic, minibatch.batch, columns, rate)
        return _stats(minibatch, now, self._config, loss, norm, value_loss, critic_norm)

    def finish(self) -> None:
        """verl lets go of gradients after each step."""

    # ------------------------------------------------------------ as a TrainerBackend

    def logprobs(self, rows: Sequence[Row]) -> list[list[float]]:
        """Log p of each trained token, in nats. Raises ``BackendError``."""
        batch = self._batch(rows)
        return by_row(rows, self._score("policy", batch).logprobs.tolist())

    def step(self, rows: Sequence[Row]) -> Mapping[str, float]:
        """One step by advantages and weights of the rows alone, ratio 1. Raises as ``update``."""
        batch = self._batch(rows)
        stats = self.update(minibatch_of_rows(rows, batch, self._score("policy", batch).logprobs))
        return {"loss": stats.loss, "grad_norm": stats.grad_norm}

    def save(self, folder: Path) -> None:
        """Weights and optimizers, whole."""
        folder.mkdir(parents=True, exist_ok=True)
        with training():
            for group in self._groups():
                group.workers.mem1_write(str(folder.resolve()))

    def load(self, folder: Path) -> None:
        """Go on from what any number of processes saved."""
        with training():
            for group in self._groups():
                group.workers.mem1_read(str(folder.resolve()))

    # ------------------------------------------------------------ as what a checkpoint saves

    def write(self, folder: Path, rng: Mapping[str, Any]) -> None:
        """As ``save``, and the random generators of this process beside them."""
        self.save(folder)
        write_rng(folder, rng)

    def read(self, folder: Path) -> Mapping[str, Any]:
        """As ``load``; returns the random generators. Nothing in the files is run."""
        self.load(folder)
        return read_rng(folder)

    # ------------------------------------------------------------ small pieces

    def _groups(self) -> list[Group]:
        return [self._policy] if self._critic is None else [self._policy, self._critic]

    def _batch(self, rows: Sequence[Row]) -> Batch:
        return batch_of_rows(rows, capacity=self._config.rows.capacity, view="reference")

    def _rows(self, group: Group, batch: Batch, columns: Mapping[str, Tensor], **said: Any) -> Rows:
        return rows_of(
            batch.samples,
            columns,
            processes=group.processes,
            capacity=self._config.rows.capacity,
            filler=self._filler,
            temperature=self._config.temperature,
            **said,
        )

    def _score(self, model: str, batch: Batch, *, values: bool = False) -> Scored:
        """What a model says of a batch, without gradient."""
        group = self._critic if values else self._policy
        assert group is not None
        entropy = model == "policy"
        rows = self._rows(group, batch, {}, compute_loss=False, calculate_entropy=entropy)
        with training():
            if values:
                found = group.workers.infer_batch(rows.data).get()
            elif model == "reference":
                assert self._reference is not None
                found = self._reference(rows.data)
            else:
                found = group.workers.compute_log_prob(rows.data)
        flat = flat_of(rows, batch.samples, found[group.output], batch.size)
        if values:
            return Scored(torch.zeros(batch.size), None, flat)
        told = flat_of(rows, batch.samples, found["entropy"], batch.size) if entropy else None
        return Scored(flat, told, None)

    def _step(
        self, group: Group, batch: Batch, columns: Mapping[str, Tensor], rate: float, **said: Any
    ) -> tuple[Tensor, float, float]:
        """What the model said before the step, float32 [N]; the loss; the gradient's norm before clipping."""
        rows = self._rows(group, batch, columns, rate=rate, **said)
        with training():
            found = group.workers.mem1_step(rows.data)
        norm = float(found["grad_norm"][0])
        if not math.isfinite(norm):
            raise ModelError(
                f"the gradient is not finite (norm {norm})",
                where="train.optimizer",
                hint="lower the learning rate, or go on from an older checkpoint",
            )
        return flat_of(rows, batch.samples, found[group.output], batch.size), float(found["loss"][0]), norm


def _stats(
    minibatch: Minibatch,
    now: Tensor,
    config: TrainConfig,
    loss: float,
    norm: float,
    value_loss: float | None,
    critic_norm: float | None,
) -> StepStats:
    """What a step saw, from the log-probabilities ``now`` before it: ratio and clipping are worked out again here."""
    assert minibatch.old_logprobs is not None
    found = config.loss.build()(
        LossInput(
            logprobs=now,
            old_logprobs=minibatch.old_logprobs,
            advantages=minibatch.advantages,
            sequence=minibatch.batch.sequence_of,
            clip_low=config.clip_low,
            clip_high=config.clip_high,
            dual_clip=config.dual_clip,
        )
    )
    return StepStats(
        minibatch=minibatch,
        logprobs=now,
        entropy=torch.zeros_like(now) if minibatch.old_entropy is None else minibatch.old_entropy,
        ratio=found.ratio,
        clipped=found.clipped,
        loss=loss,
        value_loss=value_loss,
        grad_norm=norm,
        critic_grad_norm=critic_norm,
    )
