"""BM25's sums, in one place: the indexes in memory, on disk and growing, and the one with Lucene's arithmetic.

score(q, d) = sum over words w of q of idf(w) * tf / (tf + k1 (1 - b + b |d| / mean |d|)), where w is tf times in d and
idf(w) = ln(1 + (N - n + 0.5) / (n + 0.5)) for n of N documents holding w. Source: Lucene's BM25Similarity.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Counts = NDArray[Any]  # of whole numbers


class Arithmetic(Protocol):
    """How the shares of a score are rounded."""

    def shares(self, idf: Floats, times: Counts, lengths: Counts, mean: float) -> Floats:
        """What a word adds to a document's score, one element a posting. ``lengths`` are those of the documents."""


def idf(total: int, holding: Counts) -> Floats:
    """ln(1 + (N - n + 0.5) / (n + 0.5)) for each of ``holding``, float32 of the same shape."""
    return np.log(1 + (total - holding + 0.5) / (holding + 0.5)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Exact:
    """Lengths as they are, each share worked out in double and kept in single precision."""

    k1: float = 0.9
    b: float = 0.4

    def shares(self, idf: Floats, times: Counts, lengths: Counts, mean: float) -> Floats:
        """idf * tf / (tf + penalty)."""
        often = times.astype(np.float64)
        penalty = self.k1 * (1 - self.b + self.b * lengths / mean)
        found: Floats = (idf * (often / (often + penalty))).astype(np.float32)
        return found


@dataclass(frozen=True, slots=True)
class Lucene:
    """Lengths in one byte and every step in single precision, in the order in which Lucene takes them."""

    k1: float = 0.9
    b: float = 0.4
    exact_lengths: bool = False

    def shares(self, idf: Floats, times: Counts, lengths: Counts, mean: float) -> Floats:
        """idf - idf / (1 + tf / penalty)."""
        sizes = lengths if self.exact_lengths else quantised_lengths(lengths)
        spread = np.float32(1 - self.b) + np.float32(self.b) * sizes.astype(np.float32) / np.float32(mean)
        norm = np.float32(1) / (np.float32(self.k1) * spread)
        found: Floats = (idf - idf / (1 + times.astype(np.float32) * norm)).astype(np.float32)
        return found


def quantised_length(length: int) -> int:
    """What Lucene remembers of a document's length in one byte (SmallFloat.byte4ToInt of intToByte4).

    Exact up to 40; above, the length less 24 keeps its four highest bits: 41 stays 40, 100 becomes 96.
    """
    if length < 24:
        return length
    shift = max((length - 24).bit_length() - 4, 0)
    return 24 + (((length - 24) >> shift) << shift)


def quantised_lengths(lengths: Counts) -> Counts:
    """``quantised_length`` of each."""
    different, places = np.unique(lengths, return_inverse=True)
    kept: Counts = np.array([quantised_length(n) for n in different.tolist()], dtype=np.int64)[places]
    return kept


def best_rows(scores: Floats, top_k: int, rank: Counts | None = None) -> NDArray[np.intp]:
    """Indices of the ``top_k`` largest positive ``scores``, largest first, equal ones by ``rank`` (else by index)."""
    top_k = min(top_k, len(scores))
    least = np.partition(scores, -top_k)[-top_k]
    # All that reach the k-th largest, so that ties at the border are settled by rank and not by chance.
    found = np.flatnonzero(scores >= least if least > 0 else scores)
    ties = found if rank is None else rank[found]
    return found[np.lexsort((ties, -scores[found]))][:top_k]
