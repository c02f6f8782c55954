"""What a retriever is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from mem1.types import Record


class Passage(Record):
    """One unit of the corpus."""

    id: str
    title: str
    text: str


class Hit(Record):
    """A passage found for a query, best first."""

    passage: Passage
    score: float


@runtime_checkable
class Retriever(Protocol):
    """Finds passages for queries."""

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The ``top_k`` best passages of each query. A backend's failure raises ``BackendError``."""
