"""The pieces of the loss, each on tensors in the flat layout: one entry for each sampled token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

MAX_LOG_RATIO = 20.0


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """Per-token policy loss with what the metrics need; ``ratio`` and ``clipped`` carry no gradient.

    Shapes: all [N]; ``loss`` and ``ratio`` float, ``clipped`` bool (the clip took the gradient away).
    """

    loss: Tensor
    ratio: Tensor
    clipped: Tensor


def policy_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    *,
    clip_low: float,
    clip_high: float,
    dual_clip: float | None = None,
) -> PolicyLoss:
    """PPO's clipped surrogate (arXiv 1707.06347, equation 7), negated so that it is minimised.

    Args:
        logprobs: float [N], log-probabilities under the weights being trained.
        old_logprobs: float [N], under the weights that the update started from.
        advantages: float [N].
        clip_low: The ratio is held at ``1 - clip_low`` from below,
        clip_high: and at ``1 + clip_high`` from above (arXiv 2503.14476 sets the two apart).
        dual_clip: For negative advantages the loss is at most ``dual_clip * |advantage|`` (arXiv 1912.09729).
    """
    ratio = torch.exp((logprobs - old_logprobs).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO))
    plain = -advantages * ratio
    held = -advantages * ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    loss = torch.maximum(plain, held)
    clipped = held > plain
    if dual_clip is not None:
        ceiling = -advantages * dual_clip
        bounded = torch.where(advantages < 0, torch.minimum(loss, ceiling), loss)
        clipped = clipped | (bounded < loss)
        loss = bounded
    return PolicyLoss(loss, ratio.detach(), clipped)


def value_loss(values: Tensor, old_values: Tensor, returns: Tensor, *, clip: float | None) -> Tensor:
    """Half the squared error of the critic, float [N].

    With ``clip`` the prediction may gain nothing by moving more than ``clip`` away from ``old_values``: the larger of
    the plain and the clipped error counts.
    """
    error = (values - returns).square()
    if clip is not None:
        near = old_values + (values - old_values).clamp(-clip, clip)
        error = torch.maximum(error, (near - returns).square())
    return 0.5 * error


def truncated_importance(trainer: Tensor, rollout: Tensor, *, cap: float) -> Tensor:
    """``min(p_trainer / p_rollout, cap)`` for each token, float [N], without gradient.

    Corrects for an engine whose numbers differ from the trainer's (kernels, precision, stale weights).
    ``trainer`` are the trainer's log-probabilities before the update, ``rollout`` those recorded when sampling.
    """
    return torch.exp((trainer - rollout).detach().clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)).clamp(max=cap)


def token_weights(starts: Tensor, unit: Literal["token", "episode"]) -> Tensor:
    """How much each token counts in the loss, float32 [N], summing to 1.

    Args:
        starts: int64 [E + 1], where each episode's tokens begin in the flat layout; the last entry is N.
        unit: ``token``: every token of the batch counts the same (1 / N). ``episode``: the mean over an episode's own
            tokens, then over episodes (1 / (E * tokens of the episode)).
    """
    lengths = starts.diff()
    if bool((lengths < 1).any()):
        raise ValueError("an episode without sampled tokens cannot be weighted: keep it out of the batch")
    if unit == "token":
        count = int(lengths.sum())
        return torch.full((count,), 1.0 / count, device=starts.device)
    each = 1.0 / (lengths.to(torch.float32) * lengths.numel())
    return each.repeat_interleave(lengths)
