"""Attention over a tree on the CPU, with no work spent on pairs that a mask would hide.

Rows are laid out depth first, so the descendants of a node are the tokens right behind it. Each node
is one causal block with itself, and one unmasked block of all its descendants' queries with its keys
(so a task prompt shared by a hundred turns is one large block, not a hundred). Every block is a call
of PyTorch's fused kernel; a query's blocks are merged by their log-sum-exp, as flash attention merges
its own (Dao et al., arXiv 2205.14135, section 3.1). Backwards, each block is given the merged output and
log-sum-exp, from which the kernel recomputes its share of the softmax.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

_forward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default


@dataclass(frozen=True, slots=True)
class Block:
    """Queries that attend to keys: causally if they are the same tokens, else to all of them."""

    queries: slice
    keys: slice

    @property
    def causal(self) -> bool:
        """Whether a node attends to itself."""
        return self.queries == self.keys


def blocks_of(lengths: tuple[int, ...], parent: tuple[int, ...]) -> tuple[Block, ...]:
    """The blocks of a tree: first every node with itself, then descendants with every inner node.

    ``lengths``: tokens of each node. ``parent``: index of each node's parent, -1 for a root; nodes
    come depth first.
    """
    starts = [0]
    for length in lengths:
        starts.append(starts[-1] + length)
    ends = starts[1:]  # where the last descendant ends
    for node in reversed(range(len(lengths))):
        if parent[node] >= 0:
            ends[parent[node]] = max(ends[parent[node]], ends[node])
    own = [slice(starts[node], starts[node + 1]) for node in range(len(lengths))]
    return tuple(Block(span, span) for span in own) + tuple(
        Block(slice(span.stop, end), span) for span, end in zip(own, ends, strict=True) if end > span.stop
    )


def block_attention(query: Tensor, key: Tensor, value: Tensor, blocks: tuple[Block, ...], scale: float) -> Tensor:
    """softmax(scale * query key^T) value over ``blocks``, differentiable.

    Args:
        query: Float [1, heads, S, d]; ``key`` and ``value`` likewise, with as many heads.
        blocks: What attends to what; every query is in exactly one causal block.
        scale: Factor on the scores.

    Returns:
        Float [1, heads, S, d].
    """
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    query, key, value = (part if part.stride(-1) == 1 else part.contiguous() for part in (query, key, value))
    output: Tensor = _BlockAttention.apply(query, key, value, blocks, scale)  # type: ignore[no-untyped-call]
    return output


class _BlockAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, blocks: tuple[Block, ...], scale: float) -> Tensor:
        output = torch.empty_like(query)
        total = query.new_empty(query.shape[:3], dtype=torch.promote_types(query.dtype, torch.float32))
        for block in blocks:
            part, share = _forward(
                query[:, :, block.queries],
                key[:, :, block.keys],
                value[:, :, block.keys],
                0.0,
                block.causal,
                scale=scale,
            )
            if block.causal:
                output[:, :, block.queries], total[:, :, block.queries] = part, share
                continue
            before = total[:, :, block.queries]
            after = torch.logaddexp(before, share)
            merged = output[:, :, block.queries]
            merged.mul_((before - after).exp_()[..., None]).add_(part * (share - after).exp_()[..., None])
            total[:, :, block.queries] = after
        ctx.save_for_backward(query, key, value, output, total)
        ctx.blocks, ctx.scale = blocks, scale
        return output

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        query, key, value, output, total = ctx.saved_tensors
        grad = grad if grad.stride(-1) == 1 else grad.contiguous()
        grads = [torch.empty_like(part) for part in (query, key, value)]
        for block in ctx.blocks:
            parts = _backward(
                grad[:, :, block.queries],
                query[:, :, block.queries],
                key[:, :, block.keys],
                value[:, :, block.keys],
                output[:, :, block.queries],
                total[:, :, block.queries],
                0.0,
                block.causal,
                scale=ctx.scale,
            )
            for whole, part, where in zip(grads, parts, (block.queries, block.keys, block.keys), strict=True):
                if block.causal:
                    whole[:, :, where] = part
                else:
                    whole[:, :, where] += part
        return grads[0], grads[1], grads[2], None, None
