"""CISPO: clipped importance weights (arXiv 2506.13585, equations 4 and 5)."""

from __future__ import annotations

import torch

from mem1.train.losses.base import LossInput, PolicyLoss, ratio_of


def cispo(given: LossInput) -> PolicyLoss:
    """``- weight * advantage * log p`` with the ratio, held within its range and without gradient, as weight.

    No token loses its gradient, so none counts as clipped. ``dual_clip`` plays no part. The paper leaves the lower end
    open: ``clip_low = 1``.
    """
    ratio = ratio_of(given).detach()
    weight = ratio.clamp(1.0 - given.clip_low, 1.0 + given.clip_high)
    return PolicyLoss(-weight * given.advantages * given.logprobs, ratio, torch.zeros_like(ratio, dtype=torch.bool))
