"""How far the engine that sampled is from the trainer, and what the importance weights make of it.

======================================  ==============================================================================
policy/rollout_gap_p99                  of 100 tokens 99 have a gap of at most this, in nats
policy/rollout_kl                       k3 estimate of KL(rollout || trainer), nats a token
policy/importance_mean                  the weight p(trainer) / p(rollout) as the loss used it, mean over tokens
policy/importance_cut                   share of tokens whose weight was cut off or that were left out (``tis_cap``)
policy/importance_ess                   effective share of the tokens: (sum of weights)^2 / (N * sum of squares)
======================================  ==============================================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from mem1.train.advantages.kl import kl
from mem1.train.config import TrainConfig
from mem1.train.losses.base import MAX_LOG_RATIO
from mem1.train.losses.importance import importance
from mem1.train.metrics import Values, before
from mem1.train.update import StepStats


def gap_metrics(updates: Sequence[StepStats], config: TrainConfig) -> Values:
    """Of each minibatch's first update, whose weights are the oldest that are compared; empty for none."""
    first = list({id(u.minibatch): u for u in reversed(updates)}.values())
    if not first:
        return {}
    trainer = torch.cat([before(u) for u in first])
    rollout = torch.cat([u.minibatch.batch.rollout_logprobs for u in first])
    gap = (trainer - rollout).abs()
    log_ratio = (trainer - rollout).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    values: Values = {
        "policy/rollout_gap_p99": gap.kthvalue(max(1, math.ceil(0.99 * len(gap)))).values.item(),
        "policy/rollout_kl": kl("k3", -log_ratio, torch.zeros_like(log_ratio)).mean().item(),
    }
    if config.tis_cap is None:
        return values
    given = [(before(u), u.minibatch.batch) for u in first]
    known = [importance(config, old, batch.rollout_logprobs, batch.sequence_of) for old, batch in given]
    weights = torch.cat([one for one in known if one is not None])
    cut = weights == 0 if config.importance == "sequence" else torch.exp(log_ratio) > config.tis_cap
    squares = weights.square().sum().item()
    values["policy/importance_mean"] = weights.mean().item()
    values["policy/importance_cut"] = cut.float().mean().item()
    values["policy/importance_ess"] = weights.sum().item() ** 2 / (len(weights) * squares) if squares else 0.0
    return values
