"""Several retrievers as one: reciprocal rank fusion."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mem1.errors import ConfigError
from mem1.retrieval.base import Hit, Retriever


class HybridRetriever:
    """Fuses the ranks that other retrievers give; their scores, which have no common scale, are not looked at.

    score(passage) = sum over retrievers that found it of 1 / (``rank_constant`` + rank), ranks from 1, over the first
    ``depth`` passages of each (Cormack, Clarke and Buettcher, SIGIR 2009, with 60). Passages are the same where their
    ids are. Equal scores come in the order of the retrievers, then of their ranks.
    """

    def __init__(self, parts: Sequence[Retriever], *, rank_constant: float = 60.0, depth: int = 50) -> None:
        if len(parts) < 2:
            raise ConfigError(
                f"a hybrid joins two retrievers or more, got {len(parts)}", where="retriever.parts", hint="name another"
            )
        self._parts = tuple(parts)
        self._constant = rank_constant
        self._depth = depth

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The ``top_k`` best passages of each query by fused rank. Where one part fails, all fail."""
        depth = max(self._depth, top_k)
        found = await asyncio.gather(*(part.search(queries, depth) for part in self._parts))
        return [fuse(lists, constant=self._constant)[:top_k] for lists in zip(*found, strict=True)]


def fuse(lists: Sequence[Sequence[Hit]], *, constant: float) -> list[Hit]:
    """All passages of ranked lists, best first, with fused scores."""
    scores: dict[str, float] = {}
    first: dict[str, Hit] = {}
    for hits in lists:
        for rank, hit in enumerate(hits, start=1):
            name = hit.passage.id
            scores[name] = scores.get(name, 0.0) + 1 / (constant + rank)
            first.setdefault(name, hit)
    ordered = sorted(scores, key=lambda name: -scores[name])  # stable: equal ones stay in order of appearance
    return [Hit(passage=first[name].passage, score=scores[name]) for name in ordered]
