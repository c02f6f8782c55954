"""One row through a model: log-probabilities (entropies, values) of the tokens that it trains."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mem1.inference.hf.runners.trial import takes
from mem1.train.policy import attention
from mem1.train.policy.head import body_output, logits_of, scores_in_chunks
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
    logit_chunk: int = 0,
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
        logit_chunk: Tokens whose logits exist at a time; 0: all. Not checked here: see ``head.check_head``.
    """
    device = next(model.parameters()).device
    source, target = row.source.to(device), row.target.to(device)
    inputs: dict[str, Any] = {
        "use_cache": False,
        "output_hidden_states": value_head is not None,
        **_inputs(model, row, device),
    }

    def scores(logits: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor | None]:
        if temperature != 1:
            logits = logits / temperature
        return token_scores(logits, tokens, entropy=entropy, entropy_gradient=entropy_gradient)

    half = torch.autocast(device.type, torch.bfloat16) if autocast else nullcontext()
    with half:
        if logit_chunk:
            output: Any = body_output(model, **inputs)
        else:
            output = model(**({"logits_to_keep": source} if takes(model, "logits_to_keep") else {}), **inputs)
        values = None
        if value_head is not None:
            values = value_head(output.hidden_states[-1][0, source]).float().reshape(-1)
    if logit_chunk:
        head = partial(logits_of, model, type(output), autocast=autocast)
        logprobs, found = scores_in_chunks(head, scores, output.last_hidden_state[0, source], target, logit_chunk)
    else:
        logits = output.logits[0]
        if len(logits) != len(source):  # the model computes the logits of every token, whatever it is asked for
            logits = logits[source]
        logprobs, found = scores(logits, target)
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
