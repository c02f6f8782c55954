"""One request at a time: with the model's own cache, or without any."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel

from mem1.errors import ModelError
from mem1.inference.hf.runners.base import Feed

_CARRIED = ("past_key_values", "cache_params", "state")  # under which name models take and hand on what they remember


class _OneByOne:
    reuses = False

    def forward(self, feeds: Sequence[Feed]) -> torch.Tensor:
        """See ``Runner``."""
        with torch.no_grad():  # some models of this kind change buffers in forward, which training uses
            return torch.cat([self._one(feed) for feed in feeds])

    def copy(self, source: int, target: int, length: int) -> None:
        """Never called: ``reuses`` is false."""
        raise NotImplementedError("a plain runner does not share caches")

    def _one(self, feed: Feed) -> torch.Tensor:
        raise NotImplementedError


class PlainRunner(_OneByOne):
    """With the model's own cache, under whatever name it takes one.

    Args:
        model: A causal LM.
        stepwise: Continue a context token by token. Some recurrent models start over from nothing when they are given
            several tokens behind what they hold already.

    Raises ``ModelError`` for a model that takes no cache.
    """

    def __init__(self, model: PreTrainedModel, *, stepwise: bool = False) -> None:
        known = inspect.signature(model.forward).parameters
        self._key = next((name for name in _CARRIED if name in known), "")
        if not self._key:
            raise ModelError(f"the forward of {type(model).__name__} takes no cache", hint="sample without one")
        self._model = model
        self._positions = "position_ids" in known  # some models count wrongly by themselves
        self._stepwise = stepwise
        self._caches: dict[int, Any] = {}

    def clear(self) -> None:
        """See ``Runner``."""
        self._caches.clear()

    def _one(self, feed: Feed) -> torch.Tensor:
        if feed.start == 0:
            self._caches[feed.slot] = None  # the model makes one, of the kind it needs
        elif self._stepwise:
            for place, token in enumerate(feed.tokens[:-1], feed.start):
                self._call(feed.slot, place, [token])
            return self._call(feed.slot, feed.start + len(feed.tokens) - 1, feed.tokens[-1:])
        return self._call(feed.slot, feed.start, feed.tokens)

    def _call(self, slot: int, start: int, tokens: Sequence[int]) -> torch.Tensor:
        ids = torch.tensor([list(tokens)], dtype=torch.int64, device=self._model.device)
        more = {self._key: self._caches[slot]}
        if self._positions:
            more["position_ids"] = torch.arange(start, start + len(tokens), device=self._model.device)[None]
        output = self._model(input_ids=ids, use_cache=True, **more)
        self._caches[slot] = getattr(output, self._key)
        logits: torch.Tensor = output.logits[:, -1]
        return logits


class WholeRunner(_OneByOne):
    """Without a cache: every token costs a pass over all before it. The last resort, and the definition of right."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._held: dict[int, list[int]] = {}

    def clear(self) -> None:
        """See ``Runner``."""
        self._held.clear()

    def _one(self, feed: Feed) -> torch.Tensor:
        held = self._held.setdefault(feed.slot, [])
        held[feed.start :] = feed.tokens
        ids = torch.tensor([held], dtype=torch.int64, device=self._model.device)
        logits: torch.Tensor = self._model(input_ids=ids, use_cache=False).logits[:, -1]
        return logits
