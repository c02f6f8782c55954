"""How much each token counts in the loss."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor


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
