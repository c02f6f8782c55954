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
from transformers import Qwen2ForCausalLM, StableLmForCausalLM

from mem1.train.tiny.keys import clock_codes
from mem1.train.tiny.places import Places

TinyModel = StableLmForCausalLM | Qwen2ForCausalLM

_HISTORY = 3  # predecessors compared
_IDENTITY = 32  # dimensions that tell a predecessor's identity
_GAP = 7.0  # by how many nats the wanted distance's attention score exceeds its neighbours'
_MATCH = 2.2  # scale of the queries and keys that compare predecessors
_WEIGHTS = (1.0, 0.8, 0.6, 2.0)  # of the nearest predecessor, the second, the third, and the line
_FLAG = 0.65  # share of a key's embedding that says that it is one
_SEEN = 90.0  # nats by which a key draws the head that looks for one
_NEAR = 20.0  # nats at most, for each of four frequencies, by which a nearer key draws it more
_FAINT = 1.6  # own directions hold less than the blocks, which are written at unit scale, by about this factor
_COPY = 2.0  # scale at which the found token is written into the residual stream
_QUIET = 0.05  # what is left of the random weights in the heads of the circuit
EMBEDDING_STD = 0.5
FINAL_NORM = 0.12  # brings the tied head's logits to a standard deviation of about one


@torch.no_grad()
def install_copying(model: TinyModel, places: Places, *, seed: int, keys: range = range(0)) -> None:
    """Write the circuit into three heads of layer 0 and two heads of layer 1.

    The residual stream is split by a random orthonormal basis into ``own`` directions, which hold each token's own
    embedding, and blocks of ``_IDENTITY`` directions. Head i of layer 0 attends by position alone to the token i + 1
    places back and writes the first ``_IDENTITY`` of its own directions into block i. The heads of layer 1 compare
    (own, block 0, block 1) of the current token with (block 0, block 1, block 2) of earlier ones, in dimensions that
    carry no position, and copy a part of the own directions of what they find.

    With ``keys`` (the ids of the numbers that lines begin with) there is a fourth block, the line: a fourth head of
    layer 0 attends to the nearest key before or at the token and writes its identity there, and layer 1 compares it
    too. So a copy does not stray into another line that goes on alike. Keys are found by a direction that only they
    have, and their identities are ``clock_codes``.
    """
    size = places.size
    basis = _orthonormal(model.config.hidden_size, seed).T
    count = _HISTORY + bool(keys)
    own, blocks = basis[: -count * _IDENTITY], torch.split(basis[-count * _IDENTITY :], _IDENTITY)
    first, second = model.model.layers[0].self_attn, model.model.layers[1].self_attn
    for back in range(1, _HISTORY + 1):
        rows = _quieted(first, back - 1, size)
        first.q_proj.bias[rows], first.k_proj.bias[rows] = places.look_back(back, _GAP)
        _write_identity(first, rows.start, own, blocks[back - 1])
    if keys:
        rows = _quieted(first, _HISTORY, size)
        _mark_keys(model, keys, own, seed)
        _see_keys(first, rows.start, places, own[-1], model.config.hidden_size)
        _write_identity(first, rows.start, own, blocks[_HISTORY])
    share = len(places.still) // count
    for head in range(2):
        rows = _quieted(second, head, size)
        compared = slice(head * share, (head + 1) * share)
        queries = (own[:_IDENTITY] * _FAINT, *blocks[: _HISTORY - 1], *blocks[_HISTORY:])
        for place, (query, key) in enumerate(zip(queries, blocks, strict=True)):
            at = head * size + torch.tensor(places.still[place * share : (place + 1) * share])
            scale = _MATCH * math.sqrt(_WEIGHTS[place])
            second.q_proj.weight[at] += scale * query[compared]
            second.k_proj.weight[at] += scale * key[compared]
        copied = own[rows]
        second.v_proj.weight[rows], second.o_proj.weight[:, rows] = copied, _COPY * copied.T


def _quieted(attention: Any, head: int, size: int) -> slice:
    """The rows of a head, whose random queries and keys are nearly silenced."""
    rows = slice(head * size, (head + 1) * size)
    for projection in (attention.q_proj, attention.k_proj):
        projection.weight[rows] *= _QUIET
    return rows


def _write_identity(attention: Any, start: int, own: Tensor, block: Tensor) -> None:
    attention.v_proj.weight[start : start + _IDENTITY] = own[:_IDENTITY]
    attention.o_proj.weight[:, start : start + _IDENTITY] = block.T


def _mark_keys(model: TinyModel, keys: range, own: Tensor, seed: int) -> None:
    """Keys get clocks for identities, and the flag direction, which all other embeddings lose."""
    weight: Tensor = model.model.embed_tokens.weight
    identity, flag = own[:_IDENTITY], own[-1]
    weight -= (weight @ flag)[:, None] * flag
    rows = slice(keys.start, keys.stop)
    codes = clock_codes(len(keys), _IDENTITY, torch.Generator().manual_seed(seed))
    clocks = codes * EMBEDDING_STD * math.sqrt(_IDENTITY) @ identity
    rest = weight[rows] - weight[rows] @ identity.T @ identity
    scale = EMBEDDING_STD * math.sqrt(model.config.hidden_size)
    weight[rows] = math.sqrt(1 - _FLAG**2) * (rest + clocks) + _FLAG * scale * flag


def _see_keys(attention: Any, start: int, places: Places, flag: Tensor, hidden: int) -> None:
    """A key's score is ``_SEEN`` nats above any other token's, and of several keys the nearest wins."""
    at = start + places.still[len(places.still) // 4]
    gain = _SEEN * math.sqrt(places.size) / (_FLAG * math.sqrt(hidden))
    attention.q_proj.bias[at] = math.sqrt(gain)
    attention.k_proj.weight[at] = math.sqrt(gain) * flag
    bias = places.nearest(range(2, 6), _NEAR)
    rows = slice(start, start + places.size)
    attention.q_proj.bias[rows] += bias
    attention.k_proj.bias[rows] += bias


def _orthonormal(size: int, seed: int) -> Tensor:
    """A random orthonormal basis, [size, size]."""
    drawn = torch.randn(size, size, generator=torch.Generator().manual_seed(seed))
    basis: Tensor = torch.linalg.qr(drawn)[0]
    return basis
