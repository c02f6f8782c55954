"""Whether packed rows are exact for a model: by what it says of itself, then by trying."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import nn

from mem1.errors import InexactError
from mem1.inference.hf.lengths import rotary_limit
from mem1.inference.hf.runners.trial import affordable, allowed_gap
from mem1.train.policy.forward import evaluate_row
from mem1.train.rows.batch import View
from mem1.train.rows.packing import PackedRow, pack
from mem1.train.rows.samples import Sample

if TYPE_CHECKING:
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

ROW = 4096
"""Tokens of a row where nobody says more."""

_TRAINED = 12  # tokens at the end of each branch that the long trial compares

# Architectures that passed the long trial in this process. It is about lengths: weights do not come into it.
_passed: set[tuple[object, ...]] = set()


def training_view(model: PreTrainedModel, *, length: int = ROW) -> View:
    """``packed`` where that is exact for ``model``, else ``reference``, with a warning that says why.

    ``length``: tokens that a row may have.
    """
    try:
        check_exact(model, length=length)
    except InexactError as error:
        logger.warning("training falls back to one context per row: %s", error.what)
        return "reference"
    return "packed"


def check_exact(model: PreTrainedModel, *, length: int = ROW) -> None:
    """Refuse a model for which a packed row would not reproduce the reference.

    First by what the configuration and the modules say, then by trying: trees of random tokens, a small one and one of
    ``length`` tokens (of fewer, where that many take more than about a second), must give the log-probabilities that
    their paths give one by one.

    Raises:
        InexactError: Saying which feature is in the way.
    """
    reason = _known_obstacle(model, length) or _tried(model, length)
    if reason:
        raise InexactError(
            f"packed rows would not be exact for {type(model).__name__}: {reason}",
            hint='use view="reference" (one context per row), or a model with full attention and rotary positions',
        )


def _known_obstacle(model: PreTrainedModel, length: int) -> str | None:
    config = model.config.get_text_config()
    kinds = sorted(set(getattr(config, "layer_types", None) or ()) - {"full_attention"})
    if kinds:
        return f"it has layers of type {', '.join(kinds)}"
    window = getattr(config, "sliding_window", None)
    if window is not None and getattr(config, "use_sliding_window", True) and not getattr(config, "layer_types", None):
        return f"its attention slides over the last {window} tokens"
    if getattr(config, "attention_chunk_size", None) is not None and not getattr(config, "layer_types", None):
        return f"its attention is cut into chunks of {config.attention_chunk_size} tokens"
    if rotary_limit(config) is not None:
        return "its rotary positions depend on the longest sequence in the row"
    if getattr(config, "attn_temperature_tuning", None) and getattr(config, "floor_scale", length) < length:
        return f"it scales attention by the place in the row, from {config.floor_scale} tokens on"
    if getattr(model, "_is_stateful", False):
        return "its layers carry a state from token to token"
    if not model._can_set_attn_implementation():
        return "its attention cannot be exchanged (it does not use transformers' AttentionInterface)"
    for name, module in model.named_modules():
        kind = type(module).__name__
        if isinstance(module, nn.Embedding) and any(word in name.split(".")[-1] for word in ("wpe", "position")):
            return f"it learns absolute positions ({name})"
        if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.RNNBase)) or any(
            word in kind for word in ("Mamba", "Recurrent", "LinearAttention", "DeltaNet", "ShortConv")
        ):
            return f"{name} ({kind}) carries a state from token to token"
        if model.training and isinstance(module, nn.Dropout) and module.p > 0:
            return f"dropout is on in training mode ({name}, p = {module.p})"
    if model.training and getattr(config, "attention_dropout", None):
        return f"attention dropout is on in training mode (p = {config.attention_dropout})"
    return None


def _tried(model: PreTrainedModel, length: int) -> str | None:
    """Compare trees of random tokens with their paths; ``None`` if they agree."""
    config = model.config.get_text_config()
    size = affordable(model, length)
    parts = sum(1 for _ in model.parameters())
    key = (type(model), config.to_json_string(), parts, model.dtype, model.device.type, model.training, size)
    before = model.config._attn_implementation
    reason = _compared(model, _small_tree(config.vocab_size))
    if reason is None and key not in _passed:
        reason = _compared(model, _large_tree(config.vocab_size, size))
    if reason is not None:
        model.set_attn_implementation(before)
        return reason
    _passed.add(key)
    return None


def _compared(model: PreTrainedModel, samples: list[Sample]) -> str | None:
    tokens = sum(sample.length for sample in samples)
    (row,) = pack(samples, capacity=tokens, min_shared=1)
    try:
        with torch.no_grad():
            packed = evaluate_row(model, row).logprobs
            reference = torch.cat([evaluate_row(model, _alone(sample)).logprobs for sample in samples])
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        return f"a trial row failed: {type(error).__name__}: {error}"
    gaps = (packed - reference).abs()
    allowed, kind = allowed_gap(model)
    difference = (gaps.max() if kind == "largest" else gaps.mean()).item()
    if not difference <= allowed:
        return (
            f"in a trial its log-probabilities differed by {difference:.2g} nats ({kind} in a row of {row.length} "
            f"tokens), more than {allowed:g}"
        )
    return None


def _alone(sample: Sample) -> PackedRow:
    return pack([sample], capacity=sample.length)[0]


def _small_tree(vocabulary: int) -> list[Sample]:
    """Three branches of 5 to 8 tokens behind 9; two of them have three tokens in common with the stem."""
    ids = _random(vocabulary, 24)
    prefix, branches = ids[:9], (ids[9:14], ids[14:16] + ids[9:12], ids[16:24])
    return _samples(prefix, branches, first=1)


def _large_tree(vocabulary: int, size: int) -> list[Sample]:
    """A row of ``size`` tokens: two fifths that all share, and three branches, compared at their ends."""
    ids = _random(vocabulary, size)
    stem, branch = size * 2 // 5, size // 5
    branches = [ids[stem + k * branch : stem + (k + 1) * branch] for k in range(3)]
    return _samples(ids[:stem], branches, first=stem + max(0, branch - _TRAINED))


def _random(vocabulary: int, count: int) -> list[int]:
    found: list[int] = torch.randint(vocabulary, (count,), generator=torch.Generator().manual_seed(0)).tolist()
    return found


def _samples(prefix: list[int], branches: Sequence[list[int]], *, first: int) -> list[Sample]:
    """One sample a branch; the tokens from ``first`` on are trained."""
    found = []
    for branch in branches:
        length = len(prefix) + len(branch)
        found.append(
            Sample(
                episode=0,
                group="",
                token_ids=tuple(prefix + branch),
                prefix_length=len(prefix),
                trained=tuple(place >= first for place in range(length)),
                flat=tuple(range(max(0, length - first))),
            )
        )
    return found
