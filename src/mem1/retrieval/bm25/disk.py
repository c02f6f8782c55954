"""BM25 over corpora of tens of millions of passages: the index lies on disk, and only what matters of it is read."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mem1.retrieval.base import Hit
from mem1.retrieval.bm25.files import FOLDER, Bm25Info, Vocabulary, check_info, opened, read_info
from mem1.retrieval.bm25.tokens import Tokens, tokenizer
from mem1.retrieval.store.store import CorpusStore

Rows = NDArray[np.int32]  # of the lists' type: another one would have them converted before each search in them
_SLACK = np.float32(1 - 1e-5)  # sums of the same scores in another order differ by less


class _List(NamedTuple):
    """The rows that hold a word, ascending, what it adds to their scores, how often it is asked for, and at most."""

    rows: Rows
    scores: NDArray[np.float32]
    times: int
    most: float


class Bm25DiskRetriever:
    """The same passages with the same scores as ``Bm25Retriever``, from an index that ``build_bm25`` wrote.

    Words are looked at from the one that can add most to the one that can add least. Once the words that are left
    cannot lift a new passage above the ``top_k``-th best, only the passages found so far are looked up in their lists
    (MaxScore: Turtle and Flood, 1995). The common words' long lists are so hardly read.

    Many processes share one index: it is mapped into memory. Searches run in a thread of their own.
    """

    def __init__(self, store: CorpusStore, folder: Path, info: Bm25Info, *, cache_size: int = 4096) -> None:
        self._store = store
        self._split = tokenizer(info.tokens)
        self._vocabulary = Vocabulary(folder, info.words)
        self._rows: NDArray[np.int32] = opened(folder / "docs.i32", "<i4", info.postings)
        self._scores: NDArray[np.float32] = opened(folder / "scores.f32", "<f4", info.postings)
        self._ends: NDArray[np.uint64] = opened(folder / "ends.u64", "<u8", info.words)
        self._largest: NDArray[np.float32] = opened(folder / "largest.f32", "<f4", info.words)
        # Zeros for every passage; a search adds to those it meets and clears them again.
        self._sums = np.zeros(info.rows, dtype=np.float32)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="bm25")
        self._cached = lru_cache(maxsize=cache_size)(self.find)

    @classmethod
    def open(
        cls,
        store: CorpusStore,
        folder: Path,
        *,
        tokens: Tokens = "words",
        k1: float = 0.9,
        b: float = 0.4,
        cache_size: int = 4096,
    ) -> Bm25DiskRetriever:
        """Open the index of ``store`` in ``folder``. Raises ``DataError`` where there is none, or another."""
        info = read_info(folder / FOLDER)
        check_info(info, folder / FOLDER, store, tokens=tokens, k1=k1, b=b)
        return cls(store, folder / FOLDER, info, cache_size=cache_size)

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The ``top_k`` best passages of each query, best first; fewer (or none) where fewer match."""
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._find_all, tuple(queries), top_k)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    def _find_all(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        return [list(self._cached(query, top_k)) for query in queries]

    def find(self, query: str, top_k: int) -> tuple[Hit, ...]:
        """One search, now, in the caller's thread; not for two threads at once."""
        numbers = [n for word in self._split(query) if (n := self._vocabulary.number(word)) is not None]
        if not numbers:
            return ()
        # In the order of words' numbers, as the scores are summed in the end.
        lists = [self._list(number, times) for number, times in sorted(Counter(numbers).items())]
        rows = candidates(lists, top_k, self._sums)
        scores = exact(lists, rows)
        best = np.lexsort((rows, -scores))[:top_k]
        return tuple(Hit(passage=self._store[int(rows[i])], score=float(scores[i])) for i in best)

    def _list(self, number: int, times: int) -> _List:
        start, end = int(self._ends[number - 1]) if number else 0, int(self._ends[number])
        return _List(self._rows[start:end], self._scores[start:end], times, times * float(self._largest[number]))


def candidates(lists: Sequence[_List], top_k: int, sums: NDArray[np.float32]) -> Rows:
    """Rows among which are the ``top_k`` with the largest sums; ``sums`` are zeros, before and after."""
    ordered = sorted(lists, key=lambda one: -one.most)
    left = np.cumsum([0.0, *(one.most for one in reversed(ordered))])[::-1]  # left[i]: what lists i, i + 1, ... can add
    met: list[Rows] = []
    bar = 0.0
    try:
        for place, one in enumerate(ordered):
            met.append(one.rows)
            sums[one.rows] += one.times * one.scores
            bar = max(bar, _nth_largest(sums[one.rows], top_k))
            if left[place + 1] < bar * _SLACK:
                break
        remaining = ordered[len(met) :]
        rows, found = _collect(met, sums, bar * _SLACK - left[len(met)])
    finally:
        for touched in met:
            sums[touched] = 0
    for place, one in enumerate(remaining, start=len(met)):
        found += one.times * _at(one, rows)
        bar = max(bar, _nth_largest(found, top_k))
        kept_rows = found >= bar * _SLACK - left[place + 1]
        rows, found = rows[kept_rows], found[kept_rows]
    return rows


def _collect(met: Sequence[Rows], sums: NDArray[np.float32], least: float) -> tuple[Rows, NDArray[np.float32]]:
    """Each row of ``met`` once whose sum is ``least`` or more, and the sums, which are cleared."""
    kept, found = [], []
    for rows in met:
        values = sums[rows]
        enough = values >= least if least > 0 else values > 0
        kept.append(rows[enough])
        found.append(values[enough])
        sums[rows] = 0
    return np.concatenate(kept), np.concatenate(found)


def exact(lists: Sequence[_List], rows: Rows) -> NDArray[np.float32]:
    """The scores of ``rows``, summed in the order of ``lists``: each query's sum is rounded in one way."""
    scores = np.zeros(len(rows), dtype=np.float32)
    for one in lists:
        added = _at(one, rows)
        for _ in range(one.times):
            scores += added
    return scores


def _at(one: _List, rows: Rows) -> NDArray[np.float32]:
    """What a word adds to each of ``rows``; 0 where it is not in the passage."""
    places = np.searchsorted(one.rows, rows)
    places[places == len(one.rows)] = 0
    return np.where(one.rows[places] == rows, one.scores[places], np.float32(0))


def _nth_largest(values: NDArray[np.float32], n: int) -> float:
    return float(np.partition(values, -n)[-n]) if len(values) >= n else 0.0
