"""What a task source is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from mem1.types import Objective

Split = Literal["train", "dev", "test"]


@runtime_checkable
class Source(Protocol):
    """Where objectives come from. The order is part of the source: same input, same list."""

    @property
    def name(self) -> str:
        """Recorded in every objective."""

    def objectives(self, split: Split) -> Sequence[Objective]:
        """All objectives of a split, in a fixed order."""
