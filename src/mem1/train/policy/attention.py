"""Attention over a packed row, for any Hugging Face model that calls attention through its registry.

The model's projections, rotary embedding, scaling and soft-capping stay as they are; only who
attends to whom changes. A dense mask would cost the square of the row: on the CPU the tree is
attended block by block instead (``cpu_attention``), on CUDA it is a FlexAttention block mask. Without
a tree the function is ordinary attention, so that a model may keep it for sampling and for
recomputation in a backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.flex_attention import flex_attention_forward
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mem1.errors import InexactError
from mem1.inference.hf.runners.base import PACKED_ATTENTION
from mem1.train.policy.cpu_attention import Block, block_attention, blocks_of
from mem1.train.rows.packing import PackedRow

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = PACKED_ATTENTION
"""Under this name the attention is registered with transformers."""

_COMPILED = 256  # kernels of one process
_BLOCK = 128  # tokens; what FlexAttention skips or computes at once


@dataclass(frozen=True, slots=True)
class Tree:
    """What attention needs to know of a row; ``tree_mask`` takes it through the model's forward.

    ``lengths``: tokens of each node in row order. ``parent``: the node above each, -1 for a root.
    ``blocks``: the same for the CPU's kernel.
    """

    lengths: tuple[int, ...]
    parent: tuple[int, ...]
    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, row: PackedRow) -> Tree:
        """The tree of ``row``."""
        lengths = tuple(torch.bincount(row.node_of).tolist())
        parent = tuple(row.parent.tolist())
        return cls(lengths, parent, blocks_of(lengths, parent))


def install(model: PreTrainedModel) -> None:
    """Make ``model`` call this module's attention from now on."""
    if model.config._attn_implementation != NAME:
        model.set_attn_implementation(NAME)


def tree_mask(tree: Tree, device: torch.device) -> Tensor:
    """A placeholder of a mask that carries ``tree`` to every layer.

    Models hand a mask of four dimensions through as it is, also those that pass no further keywords on; none is
    built for the whole row. One that comes out of a model without its tree is refused by ``tree_attention``.
    """
    placeholder = torch.ones(1, 1, 1, 1, dtype=torch.bool, device=device)
    placeholder.tree = tree  # type: ignore[attr-defined]
    return placeholder


def block_mask(row: PackedRow, length: int, device: torch.device) -> BlockMask:
    """The tree of ``row`` for FlexAttention, filled up to ``length`` tokens that see nothing but themselves.

    Rows are laid out depth first, so a token is seen by what lies behind it up to the end of its node's last
    descendant. One number a token says that, whatever the tree's shape: the kernel is compiled once for each length.
    Blocks in which nobody attends are skipped; they are found from the numbers of a block's first and last query and of
    its keys, so that nothing of the square of the length is ever computed.
    """
    if device.type == "cuda":
        _allow_many_shapes()
    until = torch.arange(1, -(-length // _BLOCK) * _BLOCK + 1)
    until[: row.length] = subtree_ends(row)
    some, all_ = _blocks_seen(until)
    until = until[:length].to(device)

    def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (query < until[key])

    counts, indices = _ordered(some & ~all_, device)
    whole_counts, whole_indices = _ordered(all_, device)
    return BlockMask.from_kv_blocks(
        counts, indices, whole_counts, whole_indices, BLOCK_SIZE=_BLOCK, mask_mod=sees, seq_lengths=(length, length)
    )


def _blocks_seen(until: Tensor) -> tuple[Tensor, Tensor]:
    """Of each block of queries (first axis) and of keys, bool [blocks, blocks]: whether any pair, and all, attend.

    ``until``: int64 [S], S a multiple of the block: the query q sees the key k where k <= q < until[k].
    """
    ends = until.view(-1, _BLOCK)
    first = torch.arange(len(ends)) * _BLOCK
    earlier = torch.ones(len(ends), len(ends), dtype=torch.bool).tril(-1)
    # In the blocks on the diagonal every token sees itself, and none but the last sees what is behind it.
    some = earlier & (ends.amax(1) > first[:, None]) | torch.eye(len(ends), dtype=torch.bool)
    all_ = earlier & (ends.amin(1) >= first[:, None] + _BLOCK)
    return some, all_


def _ordered(seen: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """How many blocks of keys each block of queries sees, and which, in order: int32 [1, 1, blocks(, blocks)]."""
    indices = (~seen).to(torch.int8).argsort(dim=1, stable=True)
    return (
        seen.sum(1)[None, None].to(device, torch.int32),
        indices[None, None].to(device, torch.int32),
    )


def _allow_many_shapes() -> None:
    """Let kernels be compiled for more cases (lengths, precisions, with and without gradient) than the usual 8.

    Beyond its limit the compiler falls back to attention that holds every score in memory, with one line of warning.
    """
    import torch._dynamo.config as dynamo  # seconds of import, needed on CUDA only

    dynamo.recompile_limit = max(dynamo.recompile_limit, _COMPILED)
    dynamo.accumulated_recompile_limit = max(dynamo.accumulated_recompile_limit, _COMPILED)


def subtree_ends(row: PackedRow) -> Tensor:
    """For each token, int64 [S]: the place behind the last descendant of its node."""
    ends = torch.bincount(row.node_of).cumsum(0)
    for node in reversed(range(len(row.parent))):
        above = int(row.parent[node])
        if above >= 0:
            ends[above] = torch.maximum(ends[above], ends[node])
    return ends[row.node_of]


def filled_length(length: int) -> int:
    """``length`` rounded up so that few different ones occur: kernels on CUDA are compiled for each."""
    step = 256 if length <= 2048 else 1024 if length <= 8192 else 4096
    return -(-length // step) * step


def tree_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | BlockMask | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    """Attention of one layer, as transformers calls it.

    Args:
        module: The attention layer.
        query: [1, heads, S, d]; ``key`` and ``value``: [1, key-value heads, S, d].
        attention_mask: A block mask, a ``tree_mask``, or what ``sdpa`` gets.
        scaling: Factor on the scores, 1/sqrt(d) if not given.
        dropout: Must be 0 on a packed row.
        softcap: Scores s become softcap * tanh(s / softcap).
        kwargs: Whatever else the model passes.

    Returns:
        [1, S, heads, d], and ``None`` for the weights.
    """
    if isinstance(attention_mask, BlockMask):
        output, _ = flex_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, softcap=softcap, dropout=dropout, **kwargs
        )
        return output, None
    tree: Tree | None = getattr(attention_mask, "tree", None)
    if tree is None and attention_mask is not None and query.shape[2] > 1 and attention_mask.numel() == 1:
        raise InexactError(
            f"{type(module).__name__} lost the row's tree on the way", hint='use view="reference" for this model'
        )
    if tree is None and softcap is None:
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return output, None
    if dropout > 0 or any(kwargs.get(name) is not None for name in ("sliding_window", "s_aux", "position_bias")):
        raise InexactError(
            f"{type(module).__name__} asks for attention that a packed row does not reproduce",
            hint='use view="reference" for this model',
        )
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key = key.repeat_interleave(repeats, dim=1)
        value = value.repeat_interleave(repeats, dim=1)
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    if tree is not None and softcap is None and query.device.type == "cpu":
        output = block_attention(query, key, value, tree.blocks, scale)
    elif tree is not None:
        output = _by_node(query, key, value, tree, scale, softcap)
    else:
        output = _attend(query, key, value, attention_mask, scale, softcap)
    return output.transpose(1, 2).contiguous(), None


def _by_node(query: Tensor, key: Tensor, value: Tensor, tree: Tree, scale: float, softcap: float | None) -> Tensor:
    """Each node's queries over its ancestors' keys and its own: what fused kernels cannot soft-cap."""
    # split rather than slices: its backward is one concatenation, not a full-length tensor per node
    queries, keys, values = (torch.split(part, list(tree.lengths), dim=2) for part in (query, key, value))
    outputs: list[Tensor] = []
    paths: list[tuple[int, ...]] = []
    for node, above in enumerate(tree.parent):
        paths.append((*paths[above], node) if above >= 0 else (node,))
        seen = torch.cat([keys[step] for step in paths[node]], dim=2)
        read = torch.cat([values[step] for step in paths[node]], dim=2)
        outputs.append(_attend(queries[node], seen, read, None, scale, softcap))
    return torch.cat(outputs, dim=2)


def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scale: float, softcap: float | None
) -> Tensor:
    """Attention under a boolean or additive mask (``None``: causal, the queries being the last of the keys)."""
    if mask is None:
        shape = (query.shape[2], key.shape[2])
        mask = torch.ones(shape, dtype=torch.bool, device=query.device).tril(shape[1] - shape[0])
    if softcap is None:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)
    scores = softcap * torch.tanh(query @ key.transpose(2, 3) * scale / softcap)
    scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype is torch.bool else scores + mask
    weights = scores.softmax(dim=-1, dtype=torch.float32)
    return weights.to(value.dtype) @ value


AttentionInterface.register(NAME, tree_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
