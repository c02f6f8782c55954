"""Sampling by inversion of the distribution function: one uniform number a token.

The numbers come from a counter-based generator keyed by the request's seed, so the i-th number of a
request is the same whatever else is in flight; one number instead of one per vocabulary entry keeps
the step cheap on CPU and free of transfers on CUDA.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

_KEY_BITS = 128


def uniforms(seed: int, count: int) -> list[float]:
    """The first ``count`` numbers in [0, 1) of the stream of ``seed`` (Philox, Salmon et al. 2011)."""
    generator = np.random.Generator(np.random.Philox(key=seed % (1 << _KEY_BITS)))
    numbers: list[float] = generator.random(count).tolist()
    return numbers


def sample(
    logits: torch.Tensor, numbers: Sequence[float], temperatures: Sequence[float]
) -> tuple[list[int], list[float]]:
    """Draw one token per row.

    Args:
        logits: [rows, vocabulary], any float dtype.
        numbers: A uniform number in [0, 1) per row.
        temperatures: A temperature per row; 0 takes the likeliest token.

    Returns:
        Token ids, and their log-probabilities in nats at temperature 1 over the whole vocabulary,
        computed in float32 with sums in float64.
    """
    shifted = logits.float()
    shifted = shifted - shifted.amax(-1, keepdim=True)
    cumulative = shifted.exp().cumsum(-1, dtype=torch.float64)
    total = cumulative[:, -1:]
    if any(temperature != 1 for temperature in temperatures):
        drawn = _draw_scaled(shifted, numbers, temperatures)
    else:
        drawn = _invert(cumulative, numbers)
    logprobs = shifted.gather(1, drawn).double() - total.log()
    # One transfer for both: token ids are exact in float64.
    tokens, values = torch.cat([drawn.double(), logprobs], dim=1).T.tolist()
    return [int(token) for token in tokens], values


def _draw_scaled(shifted: torch.Tensor, numbers: Sequence[float], temperatures: Sequence[float]) -> torch.Tensor:
    scale = torch.tensor(temperatures, dtype=torch.float32, device=shifted.device)[:, None]
    greedy = scale == 0
    scaled = shifted / torch.where(greedy, torch.ones_like(scale), scale)
    drawn = _invert(scaled.exp().cumsum(-1, dtype=torch.float64), numbers)
    return torch.where(greedy, shifted.argmax(-1, keepdim=True), drawn)


def _invert(cumulative: torch.Tensor, numbers: Sequence[float]) -> torch.Tensor:
    """Index of the first entry above ``number * total``, [rows, 1]: never one of probability zero."""
    number = torch.tensor(numbers, dtype=torch.float64, device=cumulative.device)[:, None]
    index = torch.searchsorted(cumulative, number * cumulative[:, -1:], right=True)
    return index.clamp_(max=cumulative.shape[1] - 1)  # number * total may round up to total
