"""What a growing collection of short texts holds about a query: by words, or by an embedding of one's own."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import numpy as np

from mem1.errors import ModelError
from mem1.retrieval.bm25.scoring import Exact, idf
from mem1.retrieval.bm25.tokens import words

Embed = Callable[[str], Sequence[float]]
"""A text's embedding: as many numbers for every text."""


class Index(Protocol):
    """Texts numbered 0, 1, 2, ... in the order in which they were added."""

    def add(self, text: str) -> None:
        """Take in one more text."""

    def search(self, query: str, k: int, *, without: Collection[int] = ()) -> list[int]:
        """The up to ``k`` best texts with a score above 0, best first, equal ones in their order."""


class LexicalIndex:
    """BM25 (see ``retrieval.bm25.scoring``) over a collection to which texts are added all the time.

    An index of a corpus is made once; here a text is added each turn, and a search costs what shares a word with it.
    """

    def __init__(self, *, k1: float = 0.9, b: float = 0.4) -> None:
        self._arithmetic = Exact(k1, b)
        self._lengths: list[int] = []
        self._total = 0
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)

    def add(self, text: str) -> None:
        """Take in one more text."""
        found = Counter(words(text))
        for word, count in found.items():
            self._counts[word][len(self._lengths)] = count
        self._lengths.append(found.total())
        self._total += found.total()

    def search(self, query: str, k: int, *, without: Collection[int] = ()) -> list[int]:
        """The texts that share words with ``query``; a word said twice counts twice."""
        scores: defaultdict[int, float] = defaultdict(float)
        size = len(self._lengths)
        for word in sorted(words(query)):
            holding = self._counts.get(word, {})
            if not holding:
                continue
            shares = self._arithmetic.shares(
                idf(size, np.array([len(holding)])),
                np.array(list(holding.values())),
                np.array([self._lengths[number] for number in holding]),
                self._total / size,
            )
            for number, share in zip(holding, shares.tolist(), strict=True):
                scores[number] += share
        return _best(scores, k, without)


class EmbeddingIndex:
    """Cosine similarity of embeddings that ``embed`` makes, one text at a time."""

    def __init__(self, embed: Embed) -> None:
        self._embed = embed
        self._vectors: list[list[float]] = []

    def add(self, text: str) -> None:
        """Take in one more text. Raises ``ModelError`` where its embedding has another length than those before."""
        vector = self._unit(text)
        if self._vectors and len(vector) != len(self._vectors[0]):
            raise ModelError(
                f"the embedding of {text[:40]!r} has {len(vector)} numbers, those before it {len(self._vectors[0])}",
                where="memory.embedder",
                hint="use an embedder that gives every text as many numbers",
            )
        self._vectors.append(vector)

    def search(self, query: str, k: int, *, without: Collection[int] = ()) -> list[int]:
        """The texts whose embedding points most in the query's direction."""
        if not self._vectors:
            return []
        wanted = self._unit(query)
        scores = {
            number: sum(a * b for a, b in zip(wanted, vector, strict=True))
            for number, vector in enumerate(self._vectors)
        }
        return _best(scores, k, without)

    def _unit(self, text: str) -> list[float]:
        vector = [float(value) for value in self._embed(text)]
        norm = math.sqrt(sum(value * value for value in vector))
        return [value / norm for value in vector] if norm else vector


def _best(scores: dict[int, float], k: int, without: Collection[int]) -> list[int]:
    ranked = sorted((-score, number) for number, score in scores.items() if score > 0 and number not in without)
    return [number for _, number in ranked[:k]]
