"""Sampling by inversion of the distribution function: one uniform number a token.

The numbers come from a counter-based generator keyed by the request's seed, so the i-th number of a
request is the same whatever else is in flight. One number, instead of one per vocabulary entry, keeps
the step cheap on CPU and free of transfers on CUDA.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import pad

_KEYS = 1 << 128
_BLOCK = 64  # vocabulary entries summed at once: only block sums and one block are accumulated in float64


def uniforms(seed: int, count: int) -> list[float]:
    """The first ``count`` numbers in [0, 1) of the stream of ``seed`` (Philox, Salmon et al. 2011)."""
    generator = np.random.Generator(np.random.Philox(key=seed % _KEYS))
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
        Token ids, and their log-probabilities in nats over the whole vocabulary, from float32 logits (float64
        where they are): at the temperature they were drawn at, greedy ones at temperature 1.

    Raises ``FloatingPointError`` for logits that are not numbers.
    """
    shifted = logits.to(torch.promote_types(logits.dtype, torch.float32))
    shifted = shifted - shifted.amax(-1, keepdim=True)
    greedy = [row for row, temperature in enumerate(temperatures) if temperature == 0]
    if any(temperature not in (0, 1) for temperature in temperatures):
        scale = torch.tensor([one or 1.0 for one in temperatures], dtype=shifted.dtype, device=shifted.device)
        shifted = shifted / scale[:, None]
    blocks = _blocks(shifted)
    sums = _accumulated(blocks)
    drawn = _invert(blocks, sums, numbers)
    if greedy:
        drawn[greedy] = shifted[greedy].argmax(-1, keepdim=True)
    drawn.clamp_(max=logits.shape[1] - 1)
    logprobs = shifted.gather(1, drawn).double() - sums[:, -1:].log()
    # One transfer for both: token ids are exact in float64.
    tokens, values = torch.cat([drawn.double(), logprobs], dim=1).T.tolist()
    if any(math.isnan(value) for value in values):
        raise FloatingPointError("the model's logits are not numbers")
    return [int(token) for token in tokens], values


def _blocks(shifted: torch.Tensor) -> torch.Tensor:
    """Weights e^x in blocks, [rows, blocks, 64]; the last block is filled up with zeros."""
    return pad(shifted.exp(), (0, -shifted.shape[1] % _BLOCK)).view(len(shifted), -1, _BLOCK)


def _accumulated(blocks: torch.Tensor) -> torch.Tensor:
    """Weight of all entries up to the end of each block, [rows, blocks], float64."""
    return blocks.sum(-1).cumsum(-1, dtype=torch.float64)


def _invert(blocks: torch.Tensor, sums: torch.Tensor, numbers: Sequence[float]) -> torch.Tensor:
    """Index of the entry in which ``number * total`` falls, [rows, 1]: first its block, then its place there."""
    target = torch.tensor(numbers, dtype=torch.float64, device=sums.device)[:, None] * sums[:, -1:]
    block = torch.searchsorted(sums, target, right=True).clamp_(max=sums.shape[1] - 1)
    inside = blocks[torch.arange(len(blocks), device=block.device), block[:, 0]].cumsum(-1, dtype=torch.float64)
    before = torch.where(block > 0, sums.gather(1, (block - 1).clamp_(min=0)), 0.0)
    # Block sums are float32, so the rest may lie a rounding error above the block's own total.
    last = inside.argmax(-1, keepdim=True)  # the first to reach the total: never an entry of weight zero
    return block * _BLOCK + torch.minimum(torch.searchsorted(inside, target - before, right=True), last)
