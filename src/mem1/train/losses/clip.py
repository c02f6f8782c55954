"""PPO's clipped surrogate (arXiv 1707.06347, equation 7), negated so that it is minimised."""

from __future__ import annotations

import torch
from torch import Tensor

from mem1.train.losses.base import LossInput, PolicyLoss, ratio_of


def clip(given: LossInput) -> PolicyLoss:
    """The larger of the plain loss and the one with the ratio held, token by token.

    With ``dual_clip`` the loss of a negative advantage is at most ``dual_clip * |advantage|`` (arXiv 1912.09729).
    """
    return held(ratio_of(given), given)


def held(ratio: Tensor, given: LossInput) -> PolicyLoss:
    """The clipped surrogate of any ``ratio``, float [N]."""
    plain = -given.advantages * ratio
    bounded = -given.advantages * ratio.clamp(1.0 - given.clip_low, 1.0 + given.clip_high)
    loss = torch.maximum(plain, bounded)
    clipped = bounded > plain
    if given.dual_clip is not None:
        ceiling = -given.advantages * given.dual_clip
        cut = torch.where(given.advantages < 0, torch.minimum(loss, ceiling), loss)
        clipped = clipped | (cut < loss)
        loss = cut
    return PolicyLoss(loss, ratio.detach(), clipped)
