"""Gradient checkpointing: a layer's activations are computed again when its gradient is, instead of being kept.

transformers does it for layers that are in training mode, where dropout would be on and the cache off: a sampler that
shares the model would lose its cache. So the layers alone, and not what is in them, are put into that mode, and only
while the trainer computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from torch.utils.checkpoint import checkpoint

from mem1.errors import ModelError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


@contextmanager
def checkpointed(model: PreTrainedModel) -> Iterator[None]:
    """What is computed within the block keeps each layer's input alone. Raises ``ModelError`` where that cannot be."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    layers: list[Any] = [part for part in model.modules() if isinstance(part, GradientCheckpointingLayer)]
    if not layers:
        raise ModelError(
            f"{type(model).__name__} has no layers that can be computed again",
            where="train.checkpointing",
            hint="leave it out, and lower train.rows.capacity where memory is short",
        )
    before = [layer.training for layer in layers]
    for layer in layers:
        # Not by the model's own method: that makes the embeddings' output want a gradient from then on.
        layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
        layer.gradient_checkpointing = layer.training = True
    try:
        yield
    finally:
        for layer, mode in zip(layers, before, strict=True):
            layer.gradient_checkpointing, layer.training = False, mode
