"""What our loop trains by, where the weights are at the service (``train.trainer.Updater``)."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mem1.integrations.tinker.adapter import Adapter
from mem1.integrations.tinker.config import TinkerConfig
from mem1.integrations.tinker.engine import TinkerEngine
from mem1.metering import meter
from mem1.storage.atomic import write_json
from mem1.train.advantages.ledger import Ledger
from mem1.train.config import TrainConfig
from mem1.train.losses.importance import importance
from mem1.train.prepare import Minibatch, Scored, prepare, rows_of
from mem1.train.rows.batch import Batch
from mem1.train.rows.row import Row, by_row, spread
from mem1.train.saving.checkpoint import read_rng, write_rng
from mem1.train.saving.provenance import SERVICE, kept_at
from mem1.train.selection import Selection
from mem1.train.update import StepStats, check_gap
from mem1.types import Usage


class TinkerUpdater:
    """Minibatches are made here, steps are taken there; a checkpoint notes where the service keeps its state.

    Args:
        adapter: The weights.
        config: The service's settings.
        train: Normalisation, rates, the largest gap.
        engine: Gets the weights after each step.
    """

    has_critic = False

    def __init__(self, adapter: Adapter, config: TinkerConfig, train: TrainConfig, engine: TinkerEngine) -> None:
        self._adapter = adapter
        self._config = config
        self._train = train
        self._engine = engine
        self._lr = train.optimizer.lr

    def prepare(self, selection: Selection, ledger: Ledger, rng: random.Random) -> list[Minibatch]:
        """The minibatches of a rollout, scored by the service's trainer.

        Raises ``InexactError`` where that is too far from what its sampler reported (``train.max_rollout_gap``).
        """
        made = prepare(
            selection,
            self._train,
            view="reference",
            policy=None,
            critic=None,
            reference=None,
            rng=rng,
            ledger=ledger,
            scores=self._score,
        )
        for one in made:
            assert one.old_logprobs is not None
            check_gap(one.old_logprobs, one, self._train)
        return made

    def set_rate(self, factor: float, *, critic_only: bool) -> None:
        """What the updates that follow learn with: a share of the configured rate."""
        assert not critic_only, "there is no critic"
        self._lr = self._train.optimizer.lr * factor

    def update(self, minibatch: Minibatch) -> StepStats:
        """One optimizer step.

        The protocol knows one log-probability to compare with: that of the trainer before the rollout's first update.
        What the sampler's differs by is in the advantages (``train.importance``). The step's entropy is estimated by
        -log p of the tokens that were sampled.
        """
        began, batch, old = time.perf_counter(), minibatch.batch, minibatch.old_logprobs
        assert old is not None
        known = importance(self._train, old, batch.rollout_logprobs, batch.sequence_of)
        advantages = minibatch.advantages if known is None else minibatch.advantages * known
        rows = rows_of(batch, advantages, self._train)
        compared = [
            replace(row, rollout_logprobs=spread(row.trained, values))
            for row, values in zip(rows, by_row(rows, old.tolist()), strict=True)
        ]
        scored, norm = self._adapter.step(compared, self._lr)
        logprobs = _flat(scored)
        self._count(rows, began, trained=True)
        ratio = (logprobs - old).exp()
        low, high = 1 - self._train.clip_low, 1 + self._train.clip_high
        gains, falls = minibatch.advantages > 0, minibatch.advantages < 0
        clips = self._config.loss != "importance_sampling"
        clipped = ((ratio > high) & gains) | ((ratio < low) & falls) if clips else torch.zeros_like(gains)
        return StepStats(
            minibatch=minibatch,
            logprobs=logprobs,
            entropy=-logprobs,
            ratio=ratio,
            clipped=clipped,
            loss=-(minibatch.weights * advantages * ratio).sum().item(),
            value_loss=None,
            grad_norm=math.nan if norm is None else norm,
            critic_grad_norm=None,
        )

    def finish(self) -> None:
        """Nothing is held between steps."""

    def hand_over(self, version: int) -> None:
        """Let the engine sample with the weights as they are after ``version`` steps."""
        self._engine.use(self._adapter.sampler(), version)

    def write(self, folder: Path, rng: Mapping[str, Any]) -> None:
        """``service.json``: where the service keeps weights and optimizer; ``rng`` beside it."""
        state, sampler = self._adapter.save()
        note = {"type": self._config.type, "base_model": self._adapter.model, "state": state, "sampler": sampler}
        write_json(folder / SERVICE, note)
        write_rng(folder, rng)

    def read(self, folder: Path) -> Mapping[str, Any]:
        """Go on from what ``write`` noted. Raises ``CheckpointError``; ``BackendError`` where the service forgot it."""
        self._adapter.load(kept_at(folder / SERVICE, "state"))
        return read_rng(folder)

    def _score(self, policy: None, batch: Batch, *, values: bool = False) -> Scored:
        """Log p of the batch's tokens under the weights as they are."""
        began = time.perf_counter()
        rows = rows_of(batch, torch.zeros(batch.size), self._train)
        found = _flat(self._adapter.logprobs(rows))
        self._count(rows, began, trained=False)
        return Scored(found, None, None)

    def _count(self, rows: Sequence[Row], began: float, *, trained: bool) -> None:
        """Note what was read, at the price of training or of a prompt."""
        tokens, prices = sum(len(row.token_ids) for row in rows), self._config.prices
        price = None if prices is None else prices.train if trained else prices.input
        cost, seconds = None if price is None else tokens * price / 1e6, time.perf_counter() - began
        meter().ended(
            tokens,
            0,
            Usage(calls=1, prompt_tokens=tokens, cached_tokens=0, completion_tokens=0, seconds=seconds, cost=cost),
        )


def _flat(each: Sequence[Sequence[float]]) -> Tensor:
    return torch.tensor([value for row in each for value in row], dtype=torch.float32)
