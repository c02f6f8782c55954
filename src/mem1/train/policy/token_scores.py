"""Log-probabilities and entropies of tokens from logits, a few rows at a time.

The plain way keeps three or four float32 tensors of the size of the logits until the backward pass. Here only the
logits themselves are kept, in the model's own dtype; everything else of that size is made for a few rows, used, and
made again when the gradient is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

CHUNK = 1 << 22
"""Entries of the logits in float32 at a time (16 MiB)."""


def token_scores(
    logits: Tensor, target: Tensor, *, entropy: bool = False, entropy_gradient: bool = False, chunk: int = CHUNK
) -> tuple[Tensor, Tensor | None]:
    """Log p of each target, and the entropy of each row's distribution, in nats.

    Args:
        logits: [T, V], any float dtype.
        target: int64 [T].
        entropy: Whether entropies are wanted.
        entropy_gradient: Whether they must be differentiable; else they carry no graph.
        chunk: Entries worked on at a time; whole rows, at least one.

    Returns:
        float32 [T] (float64 for float64 logits), differentiable; and the entropies likewise, or ``None``.
    """
    logprobs, entropies = _TokenScores.apply(  # type: ignore[no-untyped-call]
        logits, target, entropy, entropy and entropy_gradient, chunk
    )
    return logprobs, entropies if entropy else None


class _TokenScores(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, target: Tensor, entropy: bool, differentiable: bool, chunk: int
    ) -> tuple[Tensor, Tensor]:
        dtype = torch.promote_types(logits.dtype, torch.float32)
        total, logprobs = logits.new_empty(len(logits), dtype=dtype), logits.new_empty(len(logits), dtype=dtype)
        entropies = logits.new_empty(len(logits) if entropy else 0, dtype=dtype)
        for rows in _stretches(logits, chunk):
            part = logits[rows].to(dtype)
            # Measured from the largest logit: log-sums of logits about 20 would be rounded to 2e-6 in float32.
            largest = part.amax(dim=-1, keepdim=True)
            part = part - largest
            above = part.logsumexp(dim=-1)
            logprobs[rows] = part.gather(-1, target[rows, None])[:, 0] - above
            total[rows] = largest[:, 0] + above
            if entropy:
                # -inf (a token that cannot be written) has weight 0 and adds nothing; 0 * -inf would not be a number.
                held = part.clamp(min=torch.finfo(dtype).min)
                entropies[rows] = above - part.softmax(dim=-1).mul_(held).sum(dim=-1)
        ctx.save_for_backward(logits, target, total, *([entropies] if differentiable else []))
        ctx.chunk = chunk
        if not differentiable:
            ctx.mark_non_differentiable(entropies)
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, grad: Tensor, entropy_grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        """d log p(target) / dz = onehot(target) - p; d entropy / dz = -p (log p + entropy)."""
        logits, target, total, *entropies = ctx.saved_tensors
        found = torch.empty_like(logits)
        for rows in _stretches(logits, ctx.chunk):
            logs = logits[rows].to(total.dtype) - total[rows, None]
            weights = logs.exp()
            part = weights * -grad[rows, None]
            part.scatter_add_(-1, target[rows, None], grad[rows, None])
            if entropies:
                logs.clamp_(min=torch.finfo(logs.dtype).min).add_(entropies[0][rows, None])
                part.add_(logs.mul_(weights).mul_(-entropy_grad[rows, None]))
            found[rows] = part
        return found, None, None, None, None


def _stretches(logits: Tensor, chunk: int) -> Iterator[slice]:
    step = max(1, chunk // max(1, logits.shape[1]))
    for start in range(0, len(logits), step):
        yield slice(start, min(start + step, len(logits)))
