"""One row through a model: log-probabilities (entropies, values) of the tokens that it trains."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mem1.inference.hf.runners.trial import takes
from mem1.train.policy import attention
from mem1.train.policy.token_scores import token_scores
from mem1.train.rows.packing import PackedRow

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@dataclass(frozen=True, slots=True)
class TokenOutputs:
    """Of each token a row trains, float32 [T], on the model's device; differentiable, ``entropy`` if asked for.

    ``logprobs``: log p(token | its context) in nats at the temperature asked for. ``entropy``: of the whole
    next-token distribution at it, in nats. ``values``: the value head's estimate before the token.
    """

    logprobs: Tensor
    entropy: Tensor | None = None
    values: Tensor | None = None


def evaluate_row(
    model: PreTrainedModel,
    row: PackedRow,
    *,
    entropy: bool = False,
    entropy_gradient: bool = False,
    value_head: nn.Module | None = None,
    autocast: bool = False,
    temperature: float = 1.0,
) -> TokenOutputs:
    """Run ``model`` over ``row`` once; a packed row makes it use the trainer's attention from then on.

    Args:
        model: A causal LM.
        row: Not checked here: see ``exactness.check_exact``.
        entropy: Whether entropies are wanted.
        entropy_gradient: Whether they carry a graph.
        value_head: Maps the last hidden states [T, hidden] to [T] or [T, 1]; ``None``: no values.
        autocast: Compute in bfloat16 where torch's autocast deems it safe.
        temperature: What logits are divided by.
    """
    device = next(model.parameters()).device
    source = row.source.to(device)
    with torch.autocast(device.type, torch.bfloat16) if autocast else nullcontext():
        output = model(
            use_cache=False,
            output_hidden_states=value_head is not None,
            **({"logits_to_keep": source} if takes(model, "logits_to_keep") else {}),
            **_inputs(model, row, device),
        )
        values = None
        if value_head is not None:
            values = value_head(output.hidden_states[-1][0, source]).float().reshape(-1)
    logits = output.logits[0]
    if len(logits) != len(source):  # the model computes the logits of every token, whatever it is asked for
        logits = logits[source]
    if temperature != 1:
        logits = logits / temperature
    logprobs, found = token_scores(logits, row.target.to(device), entropy=entropy, entropy_gradient=entropy_gradient)
    return TokenOutputs(logprobs=logprobs, entropy=found, values=values)


def _inputs(model: PreTrainedModel, row: PackedRow, device: torch.device) -> dict[str, Any]:
    if row.linear:
        return {"input_ids": row.token_ids.to(device)[None]}
    attention.install(model)
    if device.type != "cuda":
        return {
            "input_ids": row.token_ids.to(device)[None],
            "position_ids": row.positions.to(device)[None],
            "attention_mask": attention.tree_mask(attention.Tree.of(row), device),
        }
    length = attention.filled_length(max(row.length, row.filled))
    more = (0, length - row.length)
    return {
        "input_ids": F.pad(row.token_ids, more).to(device)[None],
        "position_ids": F.pad(row.positions, more).to(device)[None],
        "attention_mask": attention.block_mask(row, length, device),
    }
