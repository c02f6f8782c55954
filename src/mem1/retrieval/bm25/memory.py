"""BM25 in memory: fast on small corpora, the same result on every machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import bm25s
import numpy as np
from numpy.typing import NDArray

from mem1.errors import DataError
from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.bm25.tokens import words


class Bm25Retriever:
    """BM25 as Lucene defines it, over title and text.

    score(q, d) = sum over words w of q of idf(w) * tf / (tf + k1 (1 - b + b |d| / mean |d|)), where w
    is tf times in d and idf(w) = ln(1 + (N - n + 0.5) / (n + 0.5)) for n of N passages holding w.
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
        self._tokenize = tokenize
        self._vocabulary: dict[str, int] = {}
        # Ids in order of first appearance: bm25s would number words by hash order, which differs between processes.
        ids = [
            [self._vocabulary.setdefault(word, len(self._vocabulary)) for word in tokenize(f"{p.title}\n{p.text}")]
            for p in self._passages
        ]
        if not self._vocabulary:
            raise DataError("no passage holds a word", hint="give a corpus with text in it")
        self._model = bm25s.BM25(k1=k1, b=b, method="lucene", auto_compile=False)
        self._model.index((ids, dict(self._vocabulary)), show_progress=False)
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
        # Sorted, so that the order of a query's words cannot change how its sum is rounded.
        ids = sorted(i for word in self._tokenize(query) if (i := self._vocabulary.get(word)) is not None)
        if not ids:
            return ()
        scores: NDArray[np.float32] = self._model.get_scores_from_ids(ids)
        best = best_rows(scores, top_k)
        return tuple(Hit(passage=self._passages[i], score=float(scores[i])) for i in best.tolist())


def best_rows(scores: NDArray[np.float32], top_k: int) -> NDArray[np.intp]:
    """Indices of the ``top_k`` largest positive ``scores``, largest first, equal ones by index."""
    top_k = min(top_k, len(scores))
    least = np.partition(scores, -top_k)[-top_k]
    # All that reach the k-th largest, so that ties at the border are settled by index and not by chance.
    found = np.flatnonzero(scores >= least if least > 0 else scores)
    return found[np.argsort(-scores[found], kind="stable")][:top_k]
