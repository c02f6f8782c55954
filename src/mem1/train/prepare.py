"""Everything about a rollout batch that stays fixed while it is trained on."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from mem1.train.advantages.by_turn import turn_advantages
from mem1.train.advantages.estimate import Advantages, broadcast, critic_advantages, whiten
from mem1.train.advantages.kl import kl
from mem1.train.advantages.ledger import Ledger
from mem1.train.advantages.ppo import Ppo
from mem1.train.config import TrainConfig
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import Batch, View, make_batch
from mem1.train.rows.row import Row, make_rows, trained_values
from mem1.train.selection import Selection, split
from mem1.types import Episode

Extra = Callable[[Sequence[Sequence[Episode]], Sequence[Batch]], Sequence[Tensor]]
"""From a rollout's groups and its minibatches to an amount for each token, float32 [N] for each minibatch."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What a model says about a batch's tokens, float32 [N] each, without gradient."""

    logprobs: Tensor
    entropy: Tensor | None
    values: Tensor | None


@dataclass(frozen=True, slots=True)
class Minibatch:
    """One optimizer step's worth of tokens. All tensors float32 [N], in the flat layout of ``batch``.

    ``old_logprobs`` is ``None`` where the update is the only one of its rollout: the weights that would give them are
    the ones being trained, so the ratio is 1 and a forward pass is saved.
    """

    batch: Batch
    weights: Tensor
    advantages: Tensor
    old_logprobs: Tensor | None
    old_entropy: Tensor | None
    old_values: Tensor | None
    returns: Tensor | None
    reference_logprobs: Tensor | None


def prepare(
    selection: Selection,
    config: TrainConfig,
    *,
    view: View,
    policy: Any,
    critic: Any,
    reference: Any,
    rng: random.Random,
    ledger: Ledger | None = None,
    scores: Callable[..., Scored] | None = None,
    extra: Extra | None = None,
) -> list[Minibatch]:
    """Divide a selection into minibatches and work out old log-probabilities, values and advantages.

    Args:
        selection: A rollout's scored episodes.
        config: Settings.
        view: How samples become rows (``policy.training_view``).
        policy: The weights before the update (the proximal policy), a ``Policy`` as the two that follow are, or
            whatever ``scores`` takes.
        critic: What values come from (PPO only); may be ``policy`` itself.
        reference: What the KL term is taken against, if there is one.
        rng: Shuffles the division.
        ledger: What episodes earned; by default their rewards, as ``config`` says.
        scores: How a model that is not in this process is asked, as ``score`` asks one that is. Then old
            log-probabilities are always asked for: what was sampled is compared with them before anything is trained.
        extra: What is added to the tokens' advantages (credit for memory).
    """
    evaluate: Callable[..., Scored] = scores or score
    parts = split(selection.trainable, config.minibatches, rng=rng)
    batches = [make_batch(part, **config.rows.model_dump(), view=view) for part in parts]
    kl_in_reward = reference is not None and config.kl.where == "reward"
    old: list[Scored | None] = [None] * len(batches)
    if config.epochs * len(batches) > 1 or kl_in_reward or scores is not None:
        old = [evaluate(policy, batch, values=critic is policy) for batch in batches]
    values: list[Tensor | None] = [None] * len(batches)
    if critic is not None:
        values = [
            found.values if found and critic is policy else evaluate(critic, batch, values=True).values
            for batch, found in zip(batches, old, strict=True)
        ]
    references = [evaluate(reference, batch).logprobs if reference else None for batch in batches]
    costs: list[Tensor | None] = [None] * len(batches)
    if kl_in_reward:
        costs = [
            config.kl.coef * kl("k1", found.logprobs, other)
            for found, other in zip(old, references, strict=True)
            if found is not None and other is not None
        ]
    advantages = _advantages(selection, batches, values, costs, config, ledger or Ledger(config, None))
    if extra is not None:
        more = extra(selection.groups, batches)
        advantages = [
            replace(one, advantages=one.advantages + added) for one, added in zip(advantages, more, strict=True)
        ]
    rows = [rows_of(batch, estimated.advantages, config) for batch, estimated in zip(batches, advantages, strict=True)]
    return [
        replace(
            minibatch_of_rows(some, batch, found.logprobs if found else None),
            old_entropy=found.entropy if found else None,
            old_values=value,
            returns=estimated.returns,
            reference_logprobs=other,
        )
        for batch, some, found, value, other, estimated in zip(
            batches, rows, old, values, references, advantages, strict=True
        )
    ]


def rows_of(batch: Batch, advantages: Tensor, config: TrainConfig) -> list[Row]:
    """The batch as neutral rows: what each token counts for is decided there, for every trainer alike.

    ``advantages``: float32 [N].
    """
    each, starts = advantages.tolist(), batch.starts.tolist()
    by_episode = {episode.id: each[starts[k] : starts[k + 1]] for k, episode in enumerate(batch.episodes)}
    return make_rows(
        batch.episodes,
        by_episode,
        normalisation=config.normalisation,
        constant=config.constant_length,
        samples=batch.samples,
    )


def minibatch_of_rows(rows: Sequence[Row], batch: Batch, old_logprobs: Tensor | None) -> Minibatch:
    """What ``rows`` say of themselves, whose batch is ``batch``: no critic, no reference.

    ``old_logprobs``: float32 [N], ``None`` for those of the weights that are trained (ratio 1).
    """
    return Minibatch(
        batch=batch,
        weights=torch.tensor(trained_values(rows, [[row.weight] * len(row.token_ids) for row in rows])),
        advantages=torch.tensor(trained_values(rows, [row.advantages for row in rows])),
        old_logprobs=old_logprobs,
        old_entropy=None,
        old_values=None,
        returns=None,
        reference_logprobs=None,
    )


@torch.no_grad()
def score(policy: Policy, batch: Batch, *, values: bool = False) -> Scored:
    """Evaluate a batch without gradient; results on the CPU."""
    logprobs, entropy = torch.empty(batch.size), torch.empty(batch.size)
    found = torch.empty(batch.size) if values else None
    for row in batch.rows:
        out = policy.evaluate(row, need_entropy=True, need_values=values)
        assert out.entropy is not None
        logprobs[row.flat] = out.logprobs.cpu()
        entropy[row.flat] = out.entropy.cpu()
        if found is not None:
            assert out.values is not None
            found[row.flat] = out.values.cpu()
    return Scored(logprobs, entropy, found)


def _advantages(
    selection: Selection,
    batches: Sequence[Batch],
    values: Sequence[Tensor | None],
    costs: Sequence[Tensor | None],
    config: TrainConfig,
    ledger: Ledger,
) -> list[Advantages]:
    algorithm = config.algorithm
    if isinstance(algorithm, Ppo):
        earned = {episode.id: ledger.earned(episode) for batch in batches for episode in batch.episodes}
        advantages = [
            critic_advantages(batch, value, cost, algorithm, earned)
            for batch, value, cost in zip(batches, values, costs, strict=True)
            if value is not None
        ]
        assert len(advantages) == len(batches), "PPO needs a critic"
        return whiten(advantages) if algorithm.whiten else advantages
    by_turn = turn_advantages(selection.groups, ledger.charged(selection.groups, batches, costs), algorithm)
    return [broadcast(batch, by_turn) for batch in batches]
