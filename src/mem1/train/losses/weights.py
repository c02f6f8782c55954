"""How much each token counts in the loss."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Unit = Literal["token", "episode", "constant"]


def token_weights(starts: Tensor, unit: Unit, *, constant: int | None = None) -> Tensor:
    """How much each token counts in the loss, float32 [N], summing to 1 but for ``constant``.

    Args:
        starts: int64 [E + 1], where each episode's tokens begin in the flat layout; the last entry is N.
        unit: ``token``: every token of the batch counts the same (1 / N). ``episode``: the mean over an episode's own
            tokens, then over episodes (1 / (E * tokens of the episode)). ``constant``: the sum over an episode's tokens
            by the same number for all of them, then the mean over episodes (1 / (E * constant)), so that long episodes
            are neither favoured nor spared (Dr. GRPO, arXiv 2503.20783, section 3.1).
        constant: That number, in tokens.
    """
    lengths = starts.diff()
    if bool((lengths < 1).any()):
        raise ValueError("an episode without sampled tokens cannot be weighted: keep it out of the batch")
    count = int(lengths.sum())
    if unit == "token":
        return torch.full((count,), 1.0 / count, device=starts.device)
    if unit == "constant":
        if constant is None:
            raise ValueError('unit = "constant" needs the constant')
        return torch.full((count,), 1.0 / (lengths.numel() * constant), device=starts.device)
    each = 1.0 / (lengths.to(torch.float32) * lengths.numel())
    return each.repeat_interleave(lengths)
