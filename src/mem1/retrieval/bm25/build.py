"""Building a BM25 index of any size: sorted runs of the corpus, then one merge, both in bounded memory.

Only the vocabulary is held whole while building. A run covers ``RUN`` passages and is on disk when the next begins, so
a build that was cut off goes on after its last run; the merge, which is short, begins anew.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from shutil import rmtree
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mem1.errors import DataError, StorageError
from mem1.retrieval.base import Passage
from mem1.retrieval.bm25.files import FOLDER, INFO, Bm25Info, check_info, opened, read_info
from mem1.retrieval.bm25.scoring import Exact, idf
from mem1.retrieval.bm25.tokens import Tokens, tokenizer
from mem1.retrieval.progress import Report, quiet
from mem1.retrieval.store.store import CorpusStore
from mem1.storage.atomic import storage_errors, write_json
from mem1.storage.written import read_record
from mem1.types import Record

RUN = 1 << 16
_POSTINGS = 1 << 23  # of the merged lists held at a time
_STATE = "build.json"
_WORDS = "vocabulary.txt"  # in the order of their numbers, while building
_LENGTHS = "lengths.u32"
_BITS = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)


class _State(Record):
    """Where a build stands; the runs before are on disk."""

    schema_version: Literal[1] = 1
    tokens: Tokens
    corpus_crc: int
    rows: int = 0
    runs: int = 0
    words: int = 0
    word_bytes: int = 0


Shares = Callable[[NDArray[np.int64], NDArray[np.int32], NDArray[np.uint16]], NDArray[np.float32]]
"""What postings add to a score: each one's word, row, and how often the word stands there."""


class _Numbers(dict[str, int]):
    """Words numbered as they first appear."""

    def __missing__(self, word: str) -> int:
        number = len(self)
        self[word] = number
        return number


def build_bm25(
    store: CorpusStore,
    folder: Path,
    *,
    tokens: Tokens = "words",
    k1: float = 0.9,
    b: float = 0.4,
    resume: bool = False,
    report: Report = quiet,
) -> Path:
    """Write the index of ``store`` into ``folder/bm25`` (formula: see ``Bm25Retriever``), or check what is there.

    Raises ``DataError`` where another index is there, ``StorageError`` where a cut-off build is and ``resume`` is not
    given.
    """
    target = folder / FOLDER
    if (target / INFO).is_file():
        check_info(read_info(target), target, store, tokens=tokens, k1=k1, b=b)
        return target
    with storage_errors("write the BM25 index", target):
        target.mkdir(parents=True, exist_ok=True)
        state = _begin(target, _State(tokens=tokens, corpus_crc=store.info.source.crc), resume=resume)
        state = _write_runs(store, target, state, report)
        info = _merge(target, state, k1, b, report)
        write_json(target / INFO, info.model_dump(mode="json"))
        for name in (_STATE, _WORDS, _LENGTHS):
            (target / name).unlink()
        for run in range(state.runs):
            rmtree(_run(target, run))
    return target


def _begin(folder: Path, fresh: _State, *, resume: bool) -> _State:
    if not (folder / _STATE).is_file():
        return fresh
    if not resume:
        raise StorageError(
            "a build was begun here and cut off",
            where=str(folder),
            hint="go on with it: --resume; or delete the folder",
        )
    state = read_record(_State, folder / _STATE, hint=f"delete {folder} and begin anew")
    if (state.tokens, state.corpus_crc) != (fresh.tokens, fresh.corpus_crc):
        raise DataError(
            "the build that was begun here is of another corpus, or has other tokens",
            where=str(folder),
            hint=f"delete {folder} and begin anew",
        )
    return state


# ---------------------------------------------------------------- runs


def _write_runs(store: CorpusStore, folder: Path, state: _State, report: Report) -> _State:
    split = tokenizer(state.tokens)
    with ExitStack() as stack:
        words = stack.enter_context((folder / _WORDS).open("a+b"))
        lengths = stack.enter_context((folder / _LENGTHS).open("ab"))
        words.truncate(state.word_bytes)
        lengths.truncate(4 * state.rows)
        words.seek(0)
        numbers = _Numbers((line[:-1].decode("utf-8", "surrogatepass"), i) for i, line in enumerate(words))
        passages = store.stream(state.rows)
        while state.rows < len(store):
            ids, counts = _number(islice(passages, RUN), numbers, split)
            _write_run(_run(folder, state.runs), ids, counts, first=state.rows)
            new = islice(numbers, state.words, None)
            words.write(b"".join(word.encode("utf-8", "surrogatepass") + b"\n" for word in new))
            lengths.write(counts.tobytes())
            for file in (words, lengths):
                file.flush()
                os.fsync(file.fileno())
            state = state.model_copy(
                update={
                    "rows": state.rows + len(counts),
                    "runs": state.runs + 1,
                    "words": len(numbers),
                    "word_bytes": words.tell(),
                }
            )
            write_json(folder / _STATE, state.model_dump(mode="json"))
            report("splitting passages into words", state.rows, len(store))
    if not state.words:
        raise DataError("no passage holds a word", where=str(folder), hint="give a corpus with text in it")
    return state


def _number(
    passages: Iterable[Passage], numbers: _Numbers, split: Any
) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """All words of the passages as numbers, one passage after the other, and how many each passage has."""
    ids, counts = array("I"), array("I")
    for passage in passages:
        before = len(ids)
        ids.extend(map(numbers.__getitem__, split(f"{passage.title}\n{passage.text}")))
        counts.append(len(ids) - before)
    return np.frombuffer(ids, dtype=np.uint32), np.frombuffer(counts, dtype=np.uint32)


def _write_run(folder: Path, ids: NDArray[np.uint32], counts: NDArray[np.uint32], *, first: int) -> None:
    """Postings (word, row, times), ordered by word, then row."""
    keys = ids.astype(np.uint64)
    keys <<= _BITS
    keys |= np.repeat(np.arange(first, first + len(counts), dtype=np.uint64), counts)
    keys.sort()
    starts = _starts(keys)
    times = np.diff(starts, append=len(keys))
    keys = keys[starts]
    of_word = (keys >> _BITS).astype(np.uint32)
    firsts = _starts(of_word)
    rmtree(folder, ignore_errors=True)
    folder.mkdir()
    of_word[firsts].tofile(folder / "words.u32")
    np.append(firsts, len(keys)).astype(np.uint64).tofile(folder / "starts.u64")
    (keys & _LOW).astype(np.int32).tofile(folder / "rows.i32")
    np.minimum(times, 0xFFFF).astype(np.uint16).tofile(folder / "times.u16")


def _starts(ordered: NDArray[Any]) -> NDArray[np.intp]:
    """Where each run of equal values begins."""
    return (
        np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(ordered) else np.zeros(0, np.intp)
    )


def _run(folder: Path, number: int) -> Path:
    return folder / f"run-{number:06}"


# ---------------------------------------------------------------- merge


class _Run:
    """One run, mapped."""

    def __init__(self, folder: Path) -> None:
        self.words: NDArray[np.uint32] = _mapped(folder / "words.u32", np.uint32)
        self.starts: NDArray[np.uint64] = _mapped(folder / "starts.u64", np.uint64)
        self.rows: NDArray[np.int32] = _mapped(folder / "rows.i32", np.int32)
        self.times: NDArray[np.uint16] = _mapped(folder / "times.u16", np.uint16)


def _mapped(path: Path, dtype: Any) -> NDArray[Any]:
    return np.memmap(path, dtype=dtype, mode="r") if path.stat().st_size else np.zeros(0, dtype)


def _merge(folder: Path, state: _State, k1: float, b: float, report: Report) -> Bm25Info:
    """Lists of the whole corpus out of the runs' lists, a stretch of the vocabulary at a time."""
    runs = [_Run(_run(folder, number)) for number in range(state.runs)]
    lengths = opened(folder / _LENGTHS, "<u4", state.rows)
    mean = float(lengths.mean(dtype=np.float64))
    holding = np.zeros(state.words, dtype=np.uint64)
    for run in runs:
        holding[run.words] += np.diff(run.starts)
    ends = np.cumsum(holding, dtype=np.uint64)
    weights = idf(state.rows, holding)

    def shares(words: NDArray[np.int64], rows: NDArray[np.int32], times: NDArray[np.uint16]) -> NDArray[np.float32]:
        return Exact(k1, b).shares(weights[words], times, lengths[rows], mean)

    largest = np.zeros(state.words, dtype=np.float32)
    with (folder / "docs.i32").open("wb") as docs_file, (folder / "scores.f32").open("wb") as scores_file:
        for low, high in _stretches(ends):
            docs, scores = _lists(runs, low, high, ends, shares)
            firsts = np.concatenate(([0], ends[low : high - 1] - _before(ends, low))).astype(np.intp)
            largest[low:high] = np.maximum.reduceat(scores, firsts)
            docs.tofile(docs_file)
            scores.tofile(scores_file)
            report("merging the lists", int(ends[high - 1]), int(ends[-1]))
    ends.tofile(folder / "ends.u64")
    largest.tofile(folder / "largest.f32")
    _sort_words(folder)
    return Bm25Info(
        tokens=state.tokens,
        k1=k1,
        b=b,
        rows=state.rows,
        words=state.words,
        postings=int(ends[-1]),
        mean_length=mean,
        corpus_crc=state.corpus_crc,
    )


def _stretches(ends: NDArray[np.uint64]) -> Iterator[tuple[int, int]]:
    """Ranges of words with about ``_POSTINGS`` postings each, and one word at least."""
    low = 0
    while low < len(ends):
        limit = _before(ends, low) + np.uint64(_POSTINGS)
        high = max(low + 1, int(np.searchsorted(ends, limit, side="right")))
        yield low, high
        low = high


def _before(ends: NDArray[np.uint64], word: int) -> np.uint64:
    return ends[word - 1] if word else np.uint64(0)


def _lists(
    runs: list[_Run],
    low: int,
    high: int,
    ends: NDArray[np.uint64],
    shares: Shares,
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Rows and scores of the words from ``low`` up to ``high``."""
    base = int(_before(ends, low))
    size = int(ends[high - 1]) - base
    docs, scores = np.empty(size, dtype=np.int32), np.empty(size, dtype=np.float32)
    # Where the next run's rows of each word go: runs are in the order of rows, so lists stay ascending.
    free = np.concatenate(([base], ends[low : high - 1])).astype(np.int64) - base
    for run in runs:
        first, last = np.searchsorted(run.words, [low, high])
        if first == last:
            continue
        starts = run.starts[first : last + 1].astype(np.int64)
        words, counts = run.words[first:last].astype(np.int64) - low, np.diff(starts)
        places = np.repeat(free[words] - starts[:-1], counts) + np.arange(starts[0], starts[-1])
        rows = run.rows[starts[0] : starts[-1]]
        docs[places] = rows
        scores[places] = shares(np.repeat(words + low, counts), rows, run.times[starts[0] : starts[-1]])
        free[words] += counts
    return docs, scores


def _sort_words(folder: Path) -> None:
    words = (folder / _WORDS).read_bytes().split(b"\n")[:-1]
    order = sorted(range(len(words)), key=words.__getitem__)
    with (folder / "words.txt").open("wb") as file:
        file.writelines(words[i] for i in order)
    np.cumsum([len(words[i]) for i in order], dtype=np.uint64).tofile(folder / "words.u64")
    np.array(order, dtype=np.int32).tofile(folder / "words.i32")
