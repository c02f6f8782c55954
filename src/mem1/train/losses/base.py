"""What a policy loss gets and gives, on tensors in the flat layout: one entry for each sampled token of a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

MAX_LOG_RATIO = 20.0


@dataclass(frozen=True, slots=True)
class LossInput:
    """A row's tokens. Shapes: all [N].

    ``logprobs``: float, under the weights being trained, with gradient. ``old_logprobs``: float, under the weights
    that the update started from. ``advantages``: float. ``sequence``: int64, the same number for the tokens of one
    completion, all of which are in the row. The ratio is held at ``1 - clip_low`` from below and at ``1 + clip_high``
    from above (arXiv 2503.14476 sets the two apart). ``dual_clip``: see ``clip``.
    """

    logprobs: Tensor
    old_logprobs: Tensor
    advantages: Tensor
    sequence: Tensor
    clip_low: float = 0.2
    clip_high: float = 0.2
    dual_clip: float | None = None


@dataclass(frozen=True, slots=True)
class PolicyLoss:
    """Per-token policy loss with what the metrics need; ``ratio`` and ``clipped`` carry no gradient.

    Shapes: all [N]; ``loss`` and ``ratio`` float, ``clipped`` bool (the clip took the gradient away).
    """

    loss: Tensor
    ratio: Tensor
    clipped: Tensor


Loss = Callable[[LossInput], PolicyLoss]


def ratio_of(given: LossInput) -> Tensor:
    """p now / p before, float [N], with gradient; the logarithm is held within 20."""
    return torch.exp((given.logprobs - given.old_logprobs).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO))


def over_sequences(values: Tensor, sequence: Tensor) -> tuple[Tensor, Tensor]:
    """For each token the sum of ``values`` (float [N]) over its sequence, and how many tokens that has (float [N])."""
    _, index = torch.unique(sequence, return_inverse=True)
    counts = torch.bincount(index)
    sums = values.new_zeros(len(counts)).index_add_(0, index, values)
    return sums[index], counts.to(values.dtype)[index]
