"""CISPO: the importance weight is clipped, not the update (MiniMax-M1, arXiv 2506.13585, equation 4)."""

from __future__ import annotations

import torch
from torch import Tensor

from mem1.train.loss import MAX_LOG_RATIO, PolicyLoss


def cispo_loss(logprobs: Tensor, old_logprobs: Tensor, advantages: Tensor, *, clip_high: float) -> PolicyLoss:
    """``-sg(min(ratio, 1 + clip_high)) * advantage * log p`` for each token, float [N].

    Every token keeps a gradient: one whose probability rose far is weighted by ``1 + clip_high``, where PPO's clip
    would drop it. There is no bound from below, as in the paper's experiments. ``clipped`` says where it was cut.
    """
    ratio = torch.exp((logprobs - old_logprobs).detach().clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO))
    weight = ratio.clamp(max=1.0 + clip_high)
    return PolicyLoss(-weight * advantages * logprobs, ratio, ratio > weight)
