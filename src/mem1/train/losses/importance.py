"""Weights for an engine whose numbers differ from the trainer's (kernels, precision, stale weights)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mem1.train.losses.base import MAX_LOG_RATIO, over_sequences

if TYPE_CHECKING:
    from mem1.train.config import TrainConfig


def importance(config: TrainConfig, trainer: Tensor, rollout: Tensor, sequence: Tensor) -> Tensor | None:
    """The weights that ``config.importance`` and ``config.tis_cap`` name, float [N]; ``None``: every token counts 1."""
    if config.tis_cap is None:
        return None
    if config.importance == "token":
        return truncated_importance(trainer, rollout, cap=config.tis_cap)
    return masked_importance(trainer, rollout, sequence, cap=config.tis_cap)


def truncated_importance(trainer: Tensor, rollout: Tensor, *, cap: float) -> Tensor:
    """``min(p_trainer / p_rollout, cap)`` for each token, float [N], without gradient.

    ``trainer`` are the trainer's log-probabilities before the update, ``rollout`` those recorded when sampling.
    """
    return torch.exp((trainer - rollout).detach().clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)).clamp(max=cap)


def masked_importance(trainer: Tensor, rollout: Tensor, sequence: Tensor, *, cap: float) -> Tensor:
    """``p_trainer / p_rollout`` of the token's whole sequence, and 0 for sequences where it is above ``cap``.

    Masked importance sampling by sequence: what the trainer holds for far more likely than the engine did is left out
    instead of being weighed down. float [N], without gradient; ``sequence`` as in ``LossInput``.
    """
    sums, _ = over_sequences((trainer - rollout).detach(), sequence)
    weight = torch.exp(sums.clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO))
    return torch.where(weight <= cap, weight, 0.0)
