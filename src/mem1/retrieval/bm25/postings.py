"""An inverted index in memory: for each word the documents that hold it, and what it adds to their scores."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from mem1.retrieval.bm25.scoring import Arithmetic, idf


class Postings:
    """The documents of each word, and its shares of their scores.

    ``size`` documents were read and ``words`` different words met. Words are numbered as they first appear.
    """

    def __init__(self, texts: Iterable[str], tokenize: Callable[[str], list[str]], arithmetic: Arithmetic) -> None:
        self._tokenize = tokenize
        self._vocabulary: dict[str, int] = {}
        terms, lengths = self._read(texts)
        self.size = len(lengths)
        self.words = len(self._vocabulary)
        self._starts, self._documents, self._shares = _invert(terms, lengths, self.words, arithmetic)

    def numbers(self, query: str) -> list[int]:
        """The numbers of a query's known words, ascending; a word said twice is there twice."""
        return sorted(n for word in self._tokenize(query) if (n := self._vocabulary.get(word)) is not None)

    def of(self, number: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """A word's documents, ascending, and what it adds to the score of each."""
        span = slice(self._starts[number], self._starts[number + 1])
        return self._documents[span], self._shares[span]

    def _read(self, texts: Iterable[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """All words by number, one document after the other, and how many each document has."""
        terms, lengths = array("i"), array("q")
        number = self._vocabulary.setdefault
        for text in texts:
            found = self._tokenize(text)
            terms.extend([number(term, len(self._vocabulary)) for term in found])
            lengths.append(len(found))
        return np.frombuffer(terms, dtype=np.int32), np.frombuffer(lengths, dtype=np.int64)


def _invert(
    terms: NDArray[np.int32], lengths: NDArray[np.int64], words: int, arithmetic: Arithmetic
) -> tuple[list[int], NDArray[np.int32], NDArray[np.float32]]:
    """Where each word's postings start, and for each posting its document and its share of the score."""
    size = len(lengths)
    if not words:
        return [0], np.zeros(0, np.int32), np.zeros(0, np.float32)
    keys = terms.astype(np.int64) * size + np.repeat(np.arange(size, dtype=np.int64), lengths)
    pairs, times = np.unique(keys, return_counts=True)
    documents = (pairs % size).astype(np.int32)
    holding = np.bincount(pairs // size, minlength=words)
    weights = np.repeat(idf(size, holding), holding)
    shares = arithmetic.shares(weights, times, lengths[documents], len(terms) / size)
    return np.concatenate(([0], np.cumsum(holding))).tolist(), documents, shares
