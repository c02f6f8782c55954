"""What a BM25 index on disk consists of: inverted lists whose scores were worked out when it was built.

``docs.i32`` and ``scores.f32`` hold the lists one after the other: for each word the rows that hold it, ascending, and
what the word adds to their score (eager scoring, as in bm25s, arXiv 2407.03618). ``ends.u64`` says where each list
ends and ``largest.f32`` what its largest score is. ``words.txt`` holds the vocabulary in byte order, ``words.u64``
where each word ends, ``words.i32`` its number: words are numbered as they first appear in the corpus.
"""

from __future__ import annotations

import mmap
from bisect import bisect_left
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mem1.errors import DataError
from mem1.retrieval.bm25.tokens import Tokens
from mem1.retrieval.store.store import CorpusStore
from mem1.storage.atomic import storage_errors
from mem1.storage.written import read_record
from mem1.types import Record

FOLDER = "bm25"
INFO = "bm25.json"
HINT = "build it: mem1 index"


class Bm25Info(Record):
    """What ``bm25.json`` keeps: how the index was made, and of which corpus."""

    schema_version: Literal[1] = 1
    tokens: Tokens
    k1: float
    b: float
    rows: int
    words: int
    postings: int
    mean_length: float
    corpus_crc: int


class Vocabulary:
    """Numbers of words, looked up on disk: tens of millions of words cost no memory."""

    def __init__(self, folder: Path, count: int) -> None:
        self._ends = opened(folder / "words.u64", "<u8", count)
        self._numbers = opened(folder / "words.i32", "<i4", count)
        with (folder / "words.txt").open("rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def number(self, word: str) -> int | None:
        """The number of a word, ``None`` for one that is in no passage."""
        wanted = word.encode("utf-8", "surrogatepass")
        place = bisect_left(range(len(self._ends)), wanted, key=self._word)
        found = place < len(self._ends) and self._word(place) == wanted
        return int(self._numbers[place]) if found else None

    def _word(self, place: int) -> bytes:
        start = int(self._ends[place - 1]) if place else 0
        return self._text[start : int(self._ends[place])]


def opened(path: Path, dtype: str, count: int) -> NDArray[Any]:
    """An array mapped from a file. Raises ``DataError`` where the file has another length."""
    with storage_errors(f"open {path.name}", path):
        array: NDArray[Any] = np.memmap(path, dtype=dtype, mode="r").view(np.ndarray)  # a memmap's slices are slow
    if len(array) != count:
        raise DataError(f"{path.name} holds {len(array):,} numbers, not {count:,}", where=str(path), hint=HINT)
    return array


def read_info(folder: Path) -> Bm25Info:
    """What the index in ``folder`` is. Raises ``DataError`` where there is none."""
    if not (folder / INFO).is_file():
        raise DataError("there is no BM25 index", where=str(folder), hint=HINT)
    return read_record(Bm25Info, folder / INFO, hint=HINT)


def check_info(info: Bm25Info, folder: Path, store: CorpusStore, *, tokens: Tokens, k1: float, b: float) -> None:
    """Raise ``DataError`` where an index is not the one wanted: scores were fixed when it was built."""
    for name, then, now in (
        ("tokens", info.tokens, tokens),
        ("k1", info.k1, k1),
        ("b", info.b, b),
        ("corpus", (info.rows, info.corpus_crc), (len(store), store.info.source.crc)),
    ):
        if then != now:
            raise DataError(
                f"the BM25 index was built with another {name}: {then!r}, not {now!r}",
                where=str(folder),
                hint="use what it was built with, or delete the folder and build it anew: mem1 index",
            )
