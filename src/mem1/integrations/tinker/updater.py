"""What our loop trains by, where the weights are at the service (``train.trainer.Updater``)."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mem1.errors import CheckpointError, boundary
from mem1.integrations.tinker.adapter import Adapter
from mem1.integrations.tinker.config import TinkerConfig
from mem1.integrations.tinker.engine import TinkerEngine
from mem1.metering import meter
from mem1.storage.atomic import read_json, write_json
from mem1.train.advantages.ledger import Ledger
from mem1.train.config import TrainConfig
from mem1.train.prepare import Minibatch, Scored, prepare, rows_of
from mem1.train.rows.batch import Batch
from mem1.train.saving.checkpoint import read_rng, write_rng
from mem1.train.saving.provenance import SERVICE
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
        """The minibatches of a rollout. The service compares with what was sampled, so nothing is scored before."""
        made = prepare(
            selection,
            self._train,
            view="reference",
            policy=None,
            critic=None,
            reference=None,
            rng=rng,
            ledger=ledger,
            scores=_as_sampled,
        )
        return [replace(one, old_logprobs=None, old_entropy=None) for one in made]

    def set_rate(self, factor: float, *, critic_only: bool) -> None:
        """What the updates that follow learn with: a share of the configured rate."""
        assert not critic_only, "there is no critic"
        self._lr = self._train.optimizer.lr * factor

    def update(self, minibatch: Minibatch) -> StepStats:
        """One optimizer step.

        Its entropy is estimated by -log p of the tokens that were sampled. Raises ``InexactError`` where the service's
        log-probabilities are too far from those it sampled with (``train.max_rollout_gap``); the step is taken then.
        """
        began, batch = time.perf_counter(), minibatch.batch
        rows = rows_of(batch, minibatch.advantages, self._train)
        scored, norm = self._adapter.step(rows, self._lr)
        logprobs = torch.tensor([value for row in scored for value in row], dtype=torch.float32)
        self._count(sum(len(row.token_ids) for row in rows), time.perf_counter() - began)
        check_gap(logprobs, minibatch, self._train)
        ratio = (logprobs - batch.rollout_logprobs).exp()
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
            loss=-(minibatch.weights * minibatch.advantages * ratio).sum().item(),
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
        hint = "restore it from a copy, or start a new run"
        with boundary("cannot read where the service keeps the weights", CheckpointError, hint=hint):
            state = str(read_json(folder / SERVICE)["state"])
        self._adapter.load(state)
        return read_rng(folder)

    def _count(self, tokens: int, seconds: float) -> None:
        prices = self._config.prices
        cost = None if prices is None else tokens * prices.train / 1e6
        meter().ended(
            tokens,
            0,
            Usage(calls=1, prompt_tokens=tokens, cached_tokens=0, completion_tokens=0, seconds=seconds, cost=cost),
        )


def _as_sampled(policy: None, batch: Batch, *, values: bool = False) -> Scored:
    """What ``prepare`` asks for before an update: here nothing is asked."""
    return Scored(batch.rollout_logprobs, None, None)
