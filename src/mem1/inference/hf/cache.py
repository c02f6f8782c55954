"""A key-value cache of slots: every row of a batch has its own length and its own place.

The layers plug into any transformers model that talks to ``Cache.update``. Before each forward pass
the runner lays down a ``Placement``: where the new keys and values go, and what is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers.cache_utils import Cache, CacheLayerMixin

CHUNK = 64  # positions; the cache grows by whole chunks


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one forward pass over an input of shape [rows, width] writes and reads.

    ``slots`` and ``positions`` (int64, [tokens]) are the targets of the real tokens; ``chosen``
    (int64, [tokens]) are their indices in the flattened [rows * width] input, ``None`` if every
    input token is real. The pass reads the first ``length`` positions of the slots in ``rows``
    (int64, [rows]), or of the first ``count`` slots, without a copy, where ``rows`` is ``None``.
    """

    slots: torch.Tensor
    positions: torch.Tensor
    chosen: torch.Tensor | None
    rows: torch.Tensor | None
    count: int
    length: int


class SlotLayer(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """Keys and values of one layer, [slots, heads, positions, head size], zero where never written."""

    is_sliding = False

    def __init__(self, owner: SlotCache) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.owner = owner
        self.keys: torch.Tensor | None = None
        self.values: torch.Tensor | None = None

    def make_room(self, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Grow to what the owner asks for; heads, sizes, dtype and device are those of the arguments."""
        rows, positions = self.owner.rows, self.owner.positions
        if self.keys is None or self.keys.shape[0] < rows or self.keys.shape[2] < positions:
            self.keys = _grown(self.keys, keys, rows, positions)
            self.values = _grown(self.values, values, rows, positions)
            self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Part of the layer protocol: the same as ``make_room``."""
        self.make_room(key_states, value_states)

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new states, [rows, heads, width, size], and give back all that the rows may look at."""
        self.make_room(key_states, value_states)
        assert self.keys is not None
        assert self.values is not None
        return self._through(self.keys, key_states), self._through(self.values, value_states)

    def _through(self, store: torch.Tensor, new: torch.Tensor) -> torch.Tensor:
        placement = self.owner.placement
        flat = new.transpose(1, 2).flatten(0, 1)  # [rows * width, heads, size]
        if placement.chosen is not None:
            flat = flat.index_select(0, placement.chosen)
        store[placement.slots, :, placement.positions] = flat
        if placement.rows is None:
            return store[: placement.count, :, : placement.length]
        return store[placement.rows, :, : placement.length]

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first ``length`` positions of slot ``source`` to slot ``target``."""
        assert self.keys is not None
        assert self.values is not None
        self.make_room(self.keys, self.values)
        for store in (self.keys, self.values):
            store[target, :, :length] = store[source, :, :length]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Part of the layer protocol: key length and offset."""
        return self.owner.placement.length, 0

    def get_seq_length(self) -> int:
        """Part of the layer protocol; positions are always passed explicitly, so no model should compute with it."""
        return self.owner.placement.length + self.owner.excess

    def get_max_length(self) -> int:
        """Part of the layer protocol: no limit."""
        return -1

    def get_max_cache_shape(self) -> int:
        """The same, as transformers before 5.11 calls it (verl wants such a one)."""
        return -1


class SlotCache(Cache):
    """One ``SlotLayer`` per layer of the model; grows, never shrinks until ``clear``."""

    placement: Placement

    def __init__(self, layers: int) -> None:
        self.slot_layers = [SlotLayer(self) for _ in range(layers)]
        super().__init__(layers=list(self.slot_layers))
        self.rows = 0
        self.positions = 0
        self.excess = 0  # see ``SlotRunner.mislead``

    def reserve(self, rows: int, positions: int) -> None:
        """See to it that ``rows`` slots of ``positions`` positions exist at the next update."""
        if rows > self.rows:
            self.rows = max(rows, self.rows + self.rows // 2)
        if positions > self.positions:
            wanted = max(positions, self.positions + self.positions // 4)
            self.positions = -(-wanted // CHUNK) * CHUNK

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first ``length`` positions of a slot to another, in every layer."""
        for layer in self.slot_layers:
            layer.copy(source, target, length)

    def clear(self) -> None:
        """Free the memory."""
        self.rows = self.positions = 0
        for layer in self.slot_layers:
            layer.keys = layer.values = None
            layer.is_initialized = False


def _grown(store: torch.Tensor | None, like: torch.Tensor, rows: int, positions: int) -> torch.Tensor:
    grown = like.new_zeros((rows, like.shape[1], positions, like.shape[3]))
    if store is not None:
        grown[: store.shape[0], :, : store.shape[2]] = store
    return grown
