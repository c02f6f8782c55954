"""GSPO: one importance ratio for a sequence, clipped as a whole (arXiv 2507.18071, equations 5 to 7).

The sequence is a context: what the policy wrote in it follows one prompt. An episode is many contexts, and a ratio over
all of them would be one over texts that never stood together.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mem1.train.loss import MAX_LOG_RATIO, PolicyLoss


def gspo_loss(
    logprobs: Tensor,
    old_logprobs: Tensor,
    advantages: Tensor,
    sequence_of: Tensor,
    *,
    clip_low: float,
    clip_high: float,
) -> PolicyLoss:
    """``-min(s A, clip(s) A)`` for each token, float [N], with s the exponential of its sequence's mean log-ratio.

    Args:
        logprobs: float [N], under the weights being trained.
        old_logprobs: float [N], under the weights that the update started from.
        advantages: float [N].
        sequence_of: int64 [N], which sequence each token belongs to; all tokens of one are here.
        clip_low: s is held at ``1 - clip_low`` from below,
        clip_high: and at ``1 + clip_high`` from above. The paper's are 3e-4 and 4e-4: a mean moves little.
    """
    _, index, counts = torch.unique(sequence_of, return_inverse=True, return_counts=True)
    change = (logprobs - old_logprobs).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO)
    means = torch.zeros(len(counts), dtype=change.dtype, device=change.device).index_add(0, index, change) / counts
    ratio = means.exp()[index]
    plain, held = -advantages * ratio, -advantages * ratio.clamp(1.0 - clip_low, 1.0 + clip_high)
    return PolicyLoss(torch.maximum(plain, held), ratio.detach(), held > plain)
