"""GSPO: group sequence policy optimization (arXiv 2507.18071, equations 5 to 7, in the form of its section 4.3)."""

from __future__ import annotations

import torch

from mem1.train.losses.base import MAX_LOG_RATIO, LossInput, PolicyLoss, over_sequences
from mem1.train.losses.clip import held


def gspo(given: LossInput) -> PolicyLoss:
    """The clipped surrogate with the sequence's ratio, ``exp(mean over its tokens of log p - log p before)``.

    A sequence is one completion. Each token carries the sequence's ratio and the gradient of its own log-probability,
    so that tokens of one sequence may have advantages of their own; where they have not, it is GSPO.
    """
    sums, counts = over_sequences((given.logprobs - given.old_logprobs).detach(), given.sequence)
    mean = (sums / counts).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    return held(torch.exp(mean + given.logprobs - given.logprobs.detach()), given)
