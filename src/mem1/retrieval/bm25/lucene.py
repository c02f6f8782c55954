"""BM25 with Lucene's arithmetic, in memory: the same ranking as Anserini's index, without Java."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mem1.errors import DataError
from mem1.retrieval.bm25.lucene_tokens import lucene_tokens


class LuceneBm25:
    """An inverted index over documents with names; equal scores come by name.

    score(q, d) = sum over words w of q of count(w) * idf(w) * tf / (tf + k1 (1 - b + b |d| / mean |d|)), with
    idf(w) = ln(1 + (N - n + 0.5) / (n + 0.5)) for n of N documents holding w, and |d| rounded down as
    ``quantised_length`` says (``exact_lengths`` leaves it as it is). Source: Lucene's BM25Similarity.

    Args:
        names: What identifies each document, and orders documents of equal score.
        texts: The documents, read once.
        tokenize: From text to index terms.
        exact_lengths: Leave out Lucene's rounding of lengths.

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
        self._tokenize = tokenize
        self._vocabulary: dict[str, int] = {}
        terms, lengths = self._read(texts)
        if not len(lengths) or len(lengths) != len(names):
            raise DataError(
                f"{len(names)} names for {len(lengths)} documents to search",
                hint="give one name a document, at least one",
            )
        self._count = len(names)
        self._starts, self._documents, self._impacts = _postings(
            terms, lengths, len(self._vocabulary), k1, b, exact_lengths
        )
        order = sorted(range(len(names)), key=names.__getitem__)
        self._rank = np.empty(len(names), dtype=np.int64)
        self._rank[order] = np.arange(len(names))
        self._cached = lru_cache(maxsize=cache_size)(self._find)

    def search(self, query: str, count: int) -> tuple[tuple[int, float], ...]:
        """The ``count`` best documents as (position, score), best first; those without a word of the query never."""
        return self._cached(query, count)

    def _read(self, texts: Iterable[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """All index terms by number, one document after the other, and how many each has."""
        terms, lengths = array("i"), array("q")
        number = self._vocabulary.setdefault
        for text in texts:
            found = self._tokenize(text)
            terms.extend([number(term, len(self._vocabulary)) for term in found])
            lengths.append(len(found))
        return np.frombuffer(terms, dtype=np.int32), np.frombuffer(lengths, dtype=np.int64)

    def _find(self, query: str, count: int) -> tuple[tuple[int, float], ...]:
        wanted = Counter(i for term in self._tokenize(query) if (i := self._vocabulary.get(term)) is not None)
        if not wanted or count < 1:
            return ()
        spans = [slice(self._starts[term], self._starts[term + 1]) for term in wanted]
        documents = np.concatenate([self._documents[span] for span in spans])
        shares = np.concatenate(
            [
                self._impacts[span] if times == 1 else times * self._impacts[span]
                for span, times in zip(spans, wanted.values(), strict=True)
            ]
        )
        scores = np.bincount(documents, shares, self._count)
        rounded = scores.astype(np.float32)  # Lucene adds in double and compares in single precision
        least = np.partition(rounded, -count)[-count] if count < self._count else np.float32(0)
        found = np.flatnonzero(rounded >= least if least > 0 else rounded)
        best = found[np.lexsort((self._rank[found], -rounded[found]))][:count]
        return tuple(zip(best.tolist(), rounded[best].tolist(), strict=True))


def quantised_length(length: int) -> int:
    """What Lucene remembers of a document's length in one byte (SmallFloat.byte4ToInt of intToByte4).

    Exact up to 40; above, the length less 24 keeps its four highest bits: 41 stays 40, 100 becomes 96.
    """
    if length < 24:
        return length
    shift = max((length - 24).bit_length() - 4, 0)
    return 24 + (((length - 24) >> shift) << shift)


def _postings(
    terms: NDArray[np.int32], lengths: NDArray[np.int64], vocabulary: int, k1: float, b: float, exact: bool
) -> tuple[list[int], NDArray[np.int32], NDArray[np.float32]]:
    """Where each term's postings start, and for each posting its document and its share of the score."""
    total, size = len(terms), len(lengths)
    keys = terms.astype(np.int64) * size + np.repeat(np.arange(size, dtype=np.int64), lengths)
    pairs, frequency = np.unique(keys, return_counts=True)
    documents = (pairs % size).astype(np.int32)
    holders = np.bincount(pairs // size, minlength=vocabulary)
    idf = np.log(1 + (size - holders + 0.5) / (holders + 0.5)).astype(np.float32)
    sizes = lengths if exact else np.array([quantised_length(n) for n in lengths.tolist()])
    mean = np.float32(total / size) if total else np.float32(1)
    norm = np.float32(1) / (np.float32(k1) * (np.float32(1 - b) + np.float32(b) * sizes.astype(np.float32) / mean))
    weight = np.repeat(idf, holders)
    impacts = weight - weight / (1 + frequency.astype(np.float32) * norm[documents])
    return np.concatenate(([0], np.cumsum(holders))).tolist(), documents, impacts.astype(np.float32)
