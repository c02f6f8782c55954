"""What the scheduler knows of a model: tokens for slots in, next-token logits out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

PACKED_ATTENTION = "mem1_tree"
"""Under this name the trainer registers its attention over packed rows; without a tree it is ordinary attention."""


@dataclass(frozen=True, slots=True)
class Feed:
    """Tokens to lay down in ``slot`` at positions ``start``, ``start + 1``, ..."""

    slot: int
    start: int
    tokens: Sequence[int]


class Runner(Protocol):
    """Forward passes of one model."""

    reuses: bool  # whether a slot may be continued from any position in front of its end

    def forward(self, feeds: Sequence[Feed]) -> torch.Tensor:
        """Logits after the last token of each feed, [feeds, vocabulary]. Slots are distinct."""

    def copy(self, source: int, target: int, length: int) -> None:
        """Lay down the first ``length`` positions of slot ``source`` in slot ``target``."""

    def clear(self) -> None:
        """Free all caches."""
