"""Generalised advantage estimation along chains of sampled tokens (arXiv 1506.02438, equation 16)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def gae(rewards: Sequence[float], values: Sequence[float], *, gamma: float, lam: float) -> list[float]:
    """Advantages of one chain that ends after its last token (the value beyond it is 0).

    ``delta[t] = rewards[t] + gamma * values[t + 1] - values[t]`` and
    ``advantage[t] = delta[t] + gamma * lam * advantage[t + 1]``.
    """
    advantages = [0.0] * len(rewards)
    following, next_value = 0.0, 0.0
    for t in range(len(rewards) - 1, -1, -1):
        following = rewards[t] + gamma * next_value - values[t] + gamma * lam * following
        next_value = values[t]
        advantages[t] = following
    return advantages


def chained_gae(rewards: Tensor, values: Tensor, ends: Tensor, *, gamma: float, lam: float) -> Tensor:
    """``gae`` over many chains laid end to end.

    Args:
        rewards: float [N], the reward received with each token.
        values: float [N], the critic's value of the context each token was sampled in.
        ends: int64 [chains], one past each chain's last token, rising, the last one N.

    Returns:
        float32 [N] advantages; ``advantages + values`` are the critic's targets.
    """
    all_rewards, all_values = rewards.tolist(), values.tolist()
    advantages: list[float] = []
    start = 0
    for end in ends.tolist():
        advantages += gae(all_rewards[start:end], all_values[start:end], gamma=gamma, lam=lam)
        start = end
    return torch.tensor(advantages, dtype=torch.float32, device=values.device)


def rewards_at(ends: Tensor, rewards: Tensor, count: int) -> Tensor:
    """float32 [count]: ``rewards[k]`` at the token before ``ends[k]``, 0 elsewhere."""
    placed = torch.zeros(count, dtype=torch.float32, device=ends.device)
    return placed.index_add_(0, ends - 1, rewards.to(torch.float32))
