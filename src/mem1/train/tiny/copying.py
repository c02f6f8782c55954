"""Start a small transformer with an induction circuit: it repeats what it has read from the first step on.

An induction head (Olsson et al. 2022, "In-context learning and induction heads") needs two layers to agree:
one writes each token's predecessors beside it, the next looks for places whose predecessors are the current tokens and
copies what stands there. Found by gradient descent alone this takes tens of millions of tokens; written into the
initial weights it is there at once, and training only has to connect it to the task. Three predecessors are compared,
because the last one alone (a colon, a blank, a digit) stands in too many places.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from transformers import StableLmForCausalLM

_HISTORY = 3  # predecessors compared
_IDENTITY = 32  # dimensions that tell a predecessor's identity
_GAP = 7.0  # by how many nats the wanted distance's attention score exceeds its neighbours'
_MATCH = 2.2  # scale of the queries and keys that compare predecessors
_WEIGHTS = (1.0, 0.8, 0.6)  # of the nearest predecessor, the second and the third
_FAINT = 1.6  # own directions hold less than the blocks, which are written at unit scale, by about this factor
_COPY = 2.0  # scale at which the found token is written into the residual stream
_QUIET = 0.05  # what is left of the random weights in the heads of the circuit
EMBEDDING_STD = 0.5
FINAL_NORM = 0.12  # brings the tied head's logits to a standard deviation of about one


@torch.no_grad()
def install_copying(model: StableLmForCausalLM, *, seed: int) -> None:
    """Write the circuit into three heads of layer 0 and two heads of layer 1.

    The residual stream is split by a random orthonormal basis into ``own`` directions, which hold each token's own
    embedding, and ``_HISTORY`` blocks of ``_IDENTITY`` directions. Head i of layer 0 attends by position alone to
    the token i + 1 places back and writes the first ``_IDENTITY`` of its own directions into block i. The heads of
    layer 1 compare (own, block 0, block 1) of the current token with (block 0, block 1, block 2) of earlier ones,
    in the dimensions that carry no position, and copy a part of the own directions of what they find.
    """
    config = model.config
    size = config.hidden_size // config.num_attention_heads
    rope: dict[str, Any] = dict(config.rope_parameters or {})
    rotary = int(size * rope["partial_rotary_factor"])
    basis = _orthonormal(config.hidden_size, seed).T
    own, blocks = basis[: -_HISTORY * _IDENTITY], torch.split(basis[-_HISTORY * _IDENTITY :], _IDENTITY)
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    for back in range(1, _HISTORY + 1):
        start = (back - 1) * size
        rows = slice(start, start + size)
        for projection in (first.q_proj, first.k_proj):
            projection.weight[rows] *= _QUIET
        first.q_proj.bias[rows], first.k_proj.bias[rows] = _look_back(back, size, rotary, rope["rope_theta"])
        first.v_proj.weight[start : start + _IDENTITY] = own[:_IDENTITY]
        first.o_proj.weight[:, start : start + _IDENTITY] = blocks[back - 1].T
    share = (size - rotary) // _HISTORY
    for head in range(2):
        rows = slice(head * size, (head + 1) * size)
        for projection in (second.q_proj, second.k_proj):
            projection.weight[rows] *= _QUIET
        compared = slice(head * share, (head + 1) * share)
        queries = (own[:_IDENTITY] * _FAINT, *blocks[:-1])
        for place, (query, key) in enumerate(zip(queries, blocks, strict=True)):
            at = head * size + rotary + place * share
            scale = _MATCH * math.sqrt(_WEIGHTS[place])
            second.q_proj.weight[at : at + share] += scale * query[compared]
            second.k_proj.weight[at : at + share] += scale * key[compared]
        copied = own[rows]
        second.v_proj.weight[rows], second.o_proj.weight[:, rows] = copied, _COPY * copied.T


def _orthonormal(size: int, seed: int) -> Tensor:
    """A random orthonormal basis, [size, size]."""
    drawn = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    basis: Tensor = torch.linalg.qr(drawn)[0]
    return basis


def _look_back(back: int, size: int, rotary: int, theta: float) -> tuple[Tensor, Tensor]:
    """Query and key biases [size] whose rotated product is largest ``back`` positions back.

    With frequencies w the score at distance n is s^2 * sum cos((n - back) w) / sqrt(size); s makes the score at
    n = back exceed that at its neighbours by ``_GAP``. Only the fastest frequencies tell neighbours apart.
    """
    half = rotary // 2
    frequencies = [theta ** (-2 * i / rotary) for i in range(min(half, 4))]
    scale = math.sqrt(_GAP * math.sqrt(size) / sum(1 - math.cos(w) for w in frequencies))
    query, key = torch.zeros(size), torch.zeros(size)
    for i, w in enumerate(frequencies):
        key[i] = scale
        query[i], query[i + half] = scale * math.cos(back * w), -scale * math.sin(back * w)
    return query, key
