"""BM25 in memory: fast on small corpora, the same result on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from mem1.errors import DataError
from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.bm25.postings import Postings
from mem1.retrieval.bm25.scoring import Exact, best_rows
from mem1.retrieval.bm25.tokens import words


class Bm25Retriever:
    """BM25 (see ``scoring``) over title and text.

    Passages that share no word with the query are never returned; equal scores come in corpus order.

    Raises ``DataError`` for an empty corpus.
    """

    def __init__(
        self,
        passages: Sequence[Passage],
        *,
        k1: float = 0.9,
        b: float = 0.4,
        tokenize: Callable[[str], list[str]] = words,
        cache_size: int = 4096,
    ) -> None:
        if not passages:
            raise DataError("there is no passage to search", hint="give a corpus with at least one passage")
        self._passages = tuple(passages)
        self._postings = Postings((f"{p.title}\n{p.text}" for p in self._passages), tokenize, Exact(k1, b))
        if not self._postings.words:
            raise DataError("no passage holds a word", hint="give a corpus with text in it")
        self._cached = lru_cache(maxsize=cache_size)(self._find)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """The corpus, in its order."""
        return self._passages

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The ``top_k`` best passages of each query, best first; fewer (or none) where fewer match."""
        return [list(self._cached(query, top_k)) for query in queries]

    def _find(self, query: str, top_k: int) -> tuple[Hit, ...]:
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}")
        # In the order of words' numbers, so that the order of a query's words cannot change how its sum is rounded.
        numbers = self._postings.numbers(query)
        if not numbers:
            return ()
        scores = np.zeros(len(self._passages), dtype=np.float32)
        for number in numbers:
            documents, shares = self._postings.of(number)
            scores[documents] += shares
        best = best_rows(scores, top_k)
        return tuple(Hit(passage=self._passages[i], score=float(scores[i])) for i in best.tolist())
