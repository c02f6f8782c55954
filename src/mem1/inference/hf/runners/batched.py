"""Many requests in one forward pass, over a cache of slots."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from mem1.inference.hf.cache import Placement, SlotCache
from mem1.inference.hf.runners.base import PACKED_ATTENTION, Feed

_BUCKET = 16  # keys looked at are rounded up to this many, which keeps mask strides aligned on CUDA
_IDLE_SHARE = 0.6  # live share of the slots below which live ones are gathered instead of computing idle ones


class SlotRunner:
    """One batched pass over a slot cache: exact for every model whose layers all have full attention."""

    reuses = True

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._device = model.device
        self._dtype = model.dtype
        self._cache = SlotCache(model.config.get_text_config().num_hidden_layers)

    def mislead(self, excess: int) -> None:
        """On trial: tell models that ask how long the cache is ``excess`` tokens too many. Nothing may change by it.

        Rows of different lengths have no one answer, so a model that computes with it is not exact in slots.
        """
        self._cache.excess = excess

    def forward(self, feeds: Sequence[Feed]) -> torch.Tensor:
        """See ``Runner``. Feeds of one token each take a path without gathers where possible."""
        with torch.inference_mode(), _attention(self._model):
            longest = max(feed.start + len(feed.tokens) for feed in feeds)
            length = -(-longest // _BUCKET) * _BUCKET
            self._cache.reserve(max(feed.slot for feed in feeds) + 1, length)
            if all(len(feed.tokens) == 1 for feed in feeds):
                return self._decode(feeds, length)
            return self._prefill(feeds, length)

    def copy(self, source: int, target: int, length: int) -> None:
        """See ``Runner``."""
        with torch.inference_mode():
            self._cache.reserve(max(source, target) + 1, length)
            self._cache.copy(source, target, length)

    def clear(self) -> None:
        """See ``Runner``."""
        self._cache.clear()

    def _decode(self, feeds: Sequence[Feed], length: int) -> torch.Tensor:
        slots = self._index([feed.slot for feed in feeds])
        positions = self._index([feed.start for feed in feeds])
        tokens = self._index([feed.tokens[0] for feed in feeds])
        count = max(feed.slot for feed in feeds) + 1
        if len(feeds) < _IDLE_SHARE * count:
            placement = Placement(slots, positions, None, slots, len(feeds), length)
            return self._call(tokens[:, None], positions[:, None], placement)
        if [feed.slot for feed in feeds] == list(range(count)):
            return self._call(
                tokens[:, None], positions[:, None], Placement(slots, positions, None, None, count, length)
            )
        # Idle slots among the live ones run along as dummies, which is cheaper than copying live caches.
        placement = Placement(slots, positions, slots, None, count, length)
        every_token, every_position = tokens.new_zeros(count), tokens.new_zeros(count)
        every_token[slots], every_position[slots] = tokens, positions
        return self._call(every_token[:, None], every_position[:, None], placement)[slots]

    def _prefill(self, feeds: Sequence[Feed], length: int) -> torch.Tensor:
        """Right-aligned, so that every feed's last token is in the last column."""
        width = max(len(feed.tokens) for feed in feeds)
        tokens: list[list[int]] = []
        positions: list[list[int]] = []
        slots: list[int] = []
        places: list[int] = []
        chosen: list[int] = []
        for row, feed in enumerate(feeds):
            size = len(feed.tokens)
            padding = [0] * (width - size)
            span = range(feed.start, feed.start + size)
            tokens.append([*padding, *feed.tokens])
            positions.append([*padding, *span])
            places.extend(span)
            slots.extend([feed.slot] * size)
            chosen.extend(range(row * width + width - size, (row + 1) * width))
        placement = Placement(
            slots=self._index(slots),
            positions=self._index(places),
            chosen=self._index(chosen) if len(chosen) < len(feeds) * width else None,
            rows=self._index([feed.slot for feed in feeds]),
            count=len(feeds),
            length=length,
        )
        return self._call(self._index(tokens), self._index(positions), placement)

    def _call(self, tokens: torch.Tensor, positions: torch.Tensor, placement: Placement) -> torch.Tensor:
        """A query sees the keys at its own position and before; padding sees position 0 only."""
        keys = torch.arange(placement.length, device=self._device)
        hidden = keys > positions[:, None, :, None]
        mask = torch.zeros(hidden.shape, dtype=self._dtype, device=self._device).masked_fill_(hidden, -torch.inf)
        self._cache.placement = placement
        output = self._model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def _index(self, numbers: Sequence[int] | Sequence[Sequence[int]]) -> torch.Tensor:
        return torch.tensor(numbers, dtype=torch.int64, device=self._device)


@contextmanager
def _attention(model: PreTrainedModel) -> Iterator[None]:
    """Run with an attention that takes a dense mask, whatever the trainer has chosen for its own passes."""
    chosen = model.config._attn_implementation
    # The trainer's packed attention takes a dense mask too, and keeps soft-capping, which sdpa refuses.
    if chosen in ("sdpa", "eager", PACKED_ATTENTION):
        yield
        return
    model.config._attn_implementation = "sdpa"
    try:
        yield
    finally:
        model.config._attn_implementation = chosen
