"""Attention over a packed row, for any Hugging Face model that calls attention through its registry.

The model's projections, rotary embedding, scaling and soft-capping stay as they are; only who
attends to whom changes. On the CPU each node attends to its ancestors' keys and its own, so that no
work is spent on masked pairs (a dense mask costs the square of the row). On CUDA the same tree is a
FlexAttention block mask. Without a tree the function is ordinary attention, so that a model may
keep it for sampling and for recomputation in a backward pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.flex_attention import flex_attention_forward
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from mem1.errors import InexactError
from mem1.train.packing import PackedRow, ancestors

if TYPE_CHECKING:
    from transformers import PreTrainedModel

NAME = "mem1_tree"
"""Under this name the attention is registered with transformers."""


@dataclass(frozen=True, slots=True)
class Tree:
    """What attention needs to know of a row; passed through the model's forward as ``tree=``.

    ``lengths``: tokens of each node in row order. ``paths``: each node's ancestors, root first, and
    itself last.
    """

    lengths: tuple[int, ...]
    paths: tuple[tuple[int, ...], ...]
    _masks: dict[tuple[int, int, torch.device], Tensor] = field(default_factory=dict)

    @classmethod
    def of(cls, row: PackedRow) -> Tree:
        """The tree of ``row``."""
        paths: list[tuple[int, ...]] = []
        for node, above in enumerate(row.parent.tolist()):
            paths.append((*paths[above], node) if above >= 0 else (node,))
        return cls(tuple(torch.bincount(row.node_of).tolist()), tuple(paths))

    def mask(self, queries: int, keys: int, device: torch.device) -> Tensor:
        """Bool [queries, keys]: the queries are the last of the keys, and causal."""
        place = (queries, keys, device)
        if place not in self._masks:
            self._masks[place] = torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)
        return self._masks[place]


def install(model: PreTrainedModel) -> None:
    """Make ``model`` call this module's attention from now on."""
    if model.config._attn_implementation != NAME:
        model.set_attn_implementation(NAME)


def block_mask(row: PackedRow, device: torch.device) -> BlockMask:
    """The tree of ``row`` for FlexAttention; blocks in which nobody attends are skipped."""
    related = ancestors(row.parent).to(device)
    node_of = row.node_of.to(device)

    def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return related[node_of[query], node_of[key]] & (query >= key)

    return create_block_mask(sees, B=None, H=None, Q_LEN=row.length, KV_LEN=row.length, device=str(device))


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
    tree: Tree | None = None,
    **kwargs: Any,
) -> tuple[Tensor, Tensor | None]:
    """Attention of one layer, as transformers calls it.

    Args:
        module: The attention layer.
        query: [1, heads, S, d]; ``key`` and ``value``: [1, key-value heads, S, d].
        attention_mask: A block mask, or with ``tree`` given a placeholder, else what ``sdpa`` gets.
        scaling: Factor on the scores, 1/sqrt(d) if not given.
        dropout: Must be 0 where a tree is given.
        softcap: Scores s become softcap * tanh(s / softcap).
        tree: Who attends to whom.
        kwargs: Whatever else the model passes.

    Returns:
        [1, S, heads, d], and ``None`` for the weights.
    """
    if isinstance(attention_mask, BlockMask):
        output, _ = flex_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, softcap=softcap, dropout=dropout, **kwargs
        )
        return output, None
    if tree is None and softcap is None:
        output, _ = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **kwargs
        )
        return output, None
    repeats = query.shape[1] // key.shape[1]
    if repeats > 1:
        key = key.repeat_interleave(repeats, dim=1)
        value = value.repeat_interleave(repeats, dim=1)
    if tree is None:
        mask = attention_mask
        if mask is None:
            mask = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool, device=query.device).tril()
        return _attend(query, key, value, mask, scaling, softcap).transpose(1, 2), None
    if dropout > 0 or any(kwargs.get(name) is not None for name in ("sliding_window", "s_aux", "position_bias")):
        raise InexactError(
            f"{type(module).__name__} asks for attention that a packed row does not reproduce",
            mend='use view="reference" for this model',
        )
    # split rather than slices: its backward is one concatenation, not a full-length tensor per node
    queries, keys, values = (torch.split(part, list(tree.lengths), dim=2) for part in (query, key, value))
    outputs: list[Tensor] = []
    for part, path in zip(queries, tree.paths, strict=True):
        seen = keys[path[0]] if len(path) == 1 else torch.cat([keys[node] for node in path], dim=2)
        read = values[path[0]] if len(path) == 1 else torch.cat([values[node] for node in path], dim=2)
        mask = None if len(path) == 1 and softcap is None else tree.mask(part.shape[2], seen.shape[2], part.device)
        outputs.append(_attend(part, seen, read, mask, scaling, softcap))
    return torch.cat(outputs, dim=2).transpose(1, 2), None


def _attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, scaling: float | None, softcap: float | None
) -> Tensor:
    """Attention under a boolean mask (``None``: causal), with soft-capping where asked for."""
    if softcap is None:
        return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=mask is None, scale=scaling)
    assert mask is not None
    scores = query @ key.transpose(2, 3) * (scaling if scaling is not None else query.shape[-1] ** -0.5)
    scores = softcap * torch.tanh(scores / softcap)
    weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1, dtype=torch.float32)
    return weights.to(query.dtype) @ value


AttentionInterface.register(NAME, tree_attention)
AttentionMaskInterface.register(NAME, sdpa_mask)
