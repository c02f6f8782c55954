"""One optimizer step: the gradient of a whole minibatch, gathered row by row."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mem1.errors import InexactError
from mem1.train.advantages.ppo import Ppo
from mem1.train.config import TrainConfig
from mem1.train.losses.base import Loss, LossInput
from mem1.train.losses.objective import token_losses
from mem1.train.losses.value import value_loss
from mem1.train.policy.forward import TokenOutputs
from mem1.train.policy.optimizer import clip_gradient
from mem1.train.policy.policy import Policy
from mem1.train.prepare import Minibatch


@dataclass(frozen=True, slots=True)
class StepStats:
    """What one optimizer step saw. Tensors [N] on the CPU in the minibatch's flat layout, without gradient.

    ``logprobs`` and ``entropy`` are those of the weights before this step. ``loss`` and ``value_loss`` are the
    minibatch's weighted sums; the gradient norms are those before clipping.
    """

    minibatch: Minibatch
    logprobs: Tensor
    entropy: Tensor
    ratio: Tensor
    clipped: Tensor
    loss: float
    value_loss: float | None
    grad_norm: float
    critic_grad_norm: float | None


def update(
    policy: Policy,
    critic: Policy | None,
    optimizer: torch.optim.Optimizer,
    minibatch: Minibatch,
    config: TrainConfig,
) -> StepStats:
    """Do one optimizer step on ``minibatch``.

    Each token's weight is fixed for the minibatch beforehand, so that the sum of the rows' gradients is the gradient
    of the whole, however samples fell into rows.

    Raises:
        InexactError: The engine sampled by other numbers than the trainer's (``config.max_rollout_gap``).
        ModelError: The gradient is not finite. The weights are then as before, in both cases.
    """
    optimizer.zero_grad(set_to_none=True)
    batch, device = minibatch.batch, policy.device
    seen = StepStats(
        minibatch=minibatch,
        logprobs=torch.empty(batch.size),
        entropy=torch.empty(batch.size),
        ratio=torch.empty(batch.size),
        clipped=torch.empty(batch.size, dtype=torch.bool),
        loss=0.0,
        value_loss=None if critic is None else 0.0,
        grad_norm=0.0,
        critic_grad_norm=None,
    )
    policy_loss = config.loss.build()
    need_entropy = config.entropy_coef > 0 or minibatch.old_entropy is None
    total, value_total = torch.zeros((), device=device), torch.zeros((), device=device)
    for row in batch.rows:
        out = policy.evaluate(
            row,
            need_entropy=need_entropy,
            entropy_gradient=config.entropy_coef > 0,
            need_values=critic is policy,
        )
        loss = _row_loss(out, row.flat, minibatch, config, policy_loss, seen)
        total += loss.detach()
        if critic is not None:
            values = out.values if critic is policy else critic.evaluate(row, need_values=True).values
            assert values is not None
            error = _row_value_loss(values, row.flat, minibatch, config)
            value_total += error.detach()
            loss = loss + error
        torch.autograd.backward(loss)
    if not need_entropy:
        assert minibatch.old_entropy is not None
        seen = replace(seen, entropy=minibatch.old_entropy)
    check_gap(seen.logprobs if minibatch.old_logprobs is None else minibatch.old_logprobs, minibatch, config)
    grad_norm = clip_gradient(policy.parameters(), config.optimizer.max_grad_norm)
    critic_norm = None
    if critic is not None and critic is not policy:
        critic_norm = clip_gradient(critic.parameters(), config.optimizer.max_grad_norm)
    optimizer.step()
    return replace(
        seen,
        loss=total.item(),
        value_loss=None if critic is None else value_total.item(),
        grad_norm=grad_norm,
        critic_grad_norm=critic_norm,
    )


def check_gap(trainer: Tensor, minibatch: Minibatch, config: TrainConfig) -> None:
    """Raise ``InexactError`` where ``trainer`` (log p before the update, [N], nats) is not what was sampled from."""
    gap = (trainer - minibatch.batch.rollout_logprobs).abs()
    mean = gap.mean().item()
    if config.max_rollout_gap is None or mean <= config.max_rollout_gap:  # what is no number is not <= either
        return
    moved = f", or the policy moves that far in {config.staleness} steps (train.staleness)" if config.staleness else ""
    raise InexactError(
        f"the trainer's log-probabilities are {mean:.3g} nats from those that the engine reported when it sampled "
        f"(mean of {len(gap)} tokens; largest {gap.max().item():.3g}), more than {config.max_rollout_gap:g}",
        where="train.max_rollout_gap",
        hint="the two compute with different precision (engine.dtype, train.autocast), with different weights, or the "
        f"engine is wrong on this model{moved}: `mem1 views MODEL` compares them; raise the bound only if the cause is "
        "known",
    )


def _row_loss(
    out: TokenOutputs, flat: Tensor, minibatch: Minibatch, config: TrainConfig, policy_loss: Loss, seen: StepStats
) -> Tensor:
    """The row's share of the minibatch's policy loss (a scalar); notes what it saw in ``seen``."""
    device = out.logprobs.device
    detached = out.logprobs.detach()
    old = detached if minibatch.old_logprobs is None else minibatch.old_logprobs[flat].to(device)
    weights = minibatch.weights[flat].to(device)
    reference = minibatch.reference_logprobs
    per_token, found = token_losses(
        policy_loss,
        LossInput(
            logprobs=out.logprobs,
            old_logprobs=old,
            advantages=minibatch.advantages[flat].to(device),
            sequence=minibatch.batch.sequence_of[flat].to(device),
            clip_low=config.clip_low,
            clip_high=config.clip_high,
            dual_clip=config.dual_clip,
        ),
        config,
        rollout=minibatch.batch.rollout_logprobs[flat].to(device),
        reference=None if reference is None else reference[flat].to(device),
        entropy=out.entropy,
    )
    if out.entropy is not None:
        seen.entropy[flat] = out.entropy.detach().cpu()
    seen.logprobs[flat] = detached.cpu()
    seen.ratio[flat] = found.ratio.cpu()
    seen.clipped[flat] = found.clipped.cpu()
    return (weights * per_token).sum()


def _row_value_loss(values: Tensor, flat: Tensor, minibatch: Minibatch, config: TrainConfig) -> Tensor:
    """The row's share of the minibatch's value loss (a scalar)."""
    assert isinstance(config.algorithm, Ppo)
    assert minibatch.old_values is not None
    assert minibatch.returns is not None
    device = values.device
    error = value_loss(
        values,
        minibatch.old_values[flat].to(device),
        minibatch.returns[flat].to(device),
        clip=config.algorithm.value_clip,
    )
    return config.algorithm.value_coef * (minibatch.weights[flat].to(device) * error).sum()
