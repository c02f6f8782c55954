"""BM25 with Lucene's arithmetic, in memory: the same ranking as Anserini's index, without Java."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np

from mem1.errors import DataError
from mem1.retrieval.bm25.lucene_tokens import lucene_tokens
from mem1.retrieval.bm25.postings import Postings
from mem1.retrieval.bm25.scoring import Lucene, best_rows


class LuceneBm25:
    """An inverted index over documents with names; equal scores come by name.

    Args:
        names: What identifies each document, and orders documents of equal score.
        texts: The documents, read once.
        tokenize: From text to index terms.
        exact_lengths: Leave out Lucene's rounding of lengths (see ``scoring.quantised_length``).

    Raises ``DataError`` for no document, and for a different number of names and texts.
    """

    def __init__(
        self,
        names: Sequence[str],
        texts: Iterable[str],
        *,
        k1: float = 0.9,
        b: float = 0.4,
        tokenize: Callable[[str], list[str]] = lucene_tokens,
        exact_lengths: bool = False,
        cache_size: int = 4096,
    ) -> None:
        self._postings = Postings(texts, tokenize, Lucene(k1, b, exact_lengths))
        if not self._postings.size or self._postings.size != len(names):
            raise DataError(
                f"{len(names)} names for {self._postings.size} documents to search",
                hint="give one name a document, at least one",
            )
        order = sorted(range(len(names)), key=names.__getitem__)
        self._rank = np.empty(len(names), dtype=np.int64)
        self._rank[order] = np.arange(len(names))
        self._cached = lru_cache(maxsize=cache_size)(self._find)

    @property
    def words(self) -> int:
        """How many different index terms the documents hold."""
        return self._postings.words

    def search(self, query: str, count: int) -> tuple[tuple[int, float], ...]:
        """The ``count`` best documents as (position, score), best first; those without a word of the query never."""
        return self._cached(query, count)

    def _find(self, query: str, count: int) -> tuple[tuple[int, float], ...]:
        wanted = Counter(self._postings.numbers(query))
        if not wanted or count < 1:
            return ()
        lists = [(*self._postings.of(number), times) for number, times in wanted.items()]
        documents = np.concatenate([found for found, _, _ in lists])
        shares = np.concatenate([found if times == 1 else times * found for _, found, times in lists])
        # Lucene adds in double and compares in single precision.
        scores = np.bincount(documents, shares, self._postings.size).astype(np.float32)
        best = best_rows(scores, count, self._rank)
        return tuple(zip(best.tolist(), scores[best].tolist(), strict=True))
