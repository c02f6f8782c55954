"""Recall of BM25, dense and hybrid retrieval on real questions and passages: is an accepted answer in what is found?

2,202 questions of NQ, TriviaQA, PopQA and Bamboogle over 8,236 Wikipedia passages (``../shared/data/qa``). An answer is
found where it stands as whole words in the title or text of one of the first k passages. The dense encoder is MiniLM;
its vectors take minutes of one core once and are kept in ``$MEM1_BENCH_CACHE`` (default ``~/.cache/mem1/bench``).
Questions a second are per second of processor time on one thread, so that a busy machine does not change them.

``--quick``: every tenth question, and what needs vectors only where they are there already.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from mem1.retrieval.base import Retriever
from mem1.retrieval.bm25.config import Bm25Config
from mem1.retrieval.bm25.disk_config import Bm25DiskConfig
from mem1.retrieval.dense.config import DenseConfig
from mem1.retrieval.dense.index import DENSE
from mem1.retrieval.hybrid import HybridRetriever
from mem1.retrieval.recall import rank_of_answer, recall
from mem1.tasks.files.qa_files import QaFiles
from mem1.types import Objective

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "qa"
CACHE = Path(os.environ.get("MEM1_BENCH_CACHE") or Path.home() / ".cache" / "mem1" / "bench")
DATASETS = ("nq", "triviaqa", "popqa", "bamboogle")
TOP = (1, 3, 10)
BATCH = 64


def questions() -> list[Objective]:
    """All questions, dataset after dataset."""
    return [o for name in DATASETS for o in QaFiles(name, {"test": DATA / f"{name}_test.jsonl"}).objectives("test")]


def measure(retriever: Retriever, asked: Sequence[Objective]) -> tuple[list[int | None], float]:
    """The rank of the first passage with an answer for each question, and processor seconds of all searches."""
    asyncio.run(retriever.search(["warm up"], TOP[-1]))
    ranks: list[int | None] = []
    seconds = 0.0
    for start in range(0, len(asked), BATCH):
        batch = asked[start : start + BATCH]
        began = time.process_time()
        found = asyncio.run(retriever.search([one.question for one in batch], TOP[-1]))
        seconds += time.process_time() - began
        ranks += [rank_of_answer(hits, one.answers) for hits, one in zip(found, batch, strict=True)]
    return ranks, seconds


def retrievers(*, quick: bool) -> dict[str, tuple[Retriever, float]]:
    """What is compared, and the megabytes of its index on disk (0: in memory)."""
    corpus = DATA / "wiki18_subset.jsonl"
    disk = Bm25DiskConfig(corpus=corpus, index=CACHE / "bm25-words")
    lucene = Bm25DiskConfig(corpus=corpus, index=CACHE / "bm25-lucene", tokens="lucene")
    dense = DenseConfig(corpus=corpus, index=CACHE / "minilm", device="cpu")
    assert dense.index is not None
    for config in (disk, lucene):
        config.make(resume=True)
    found: dict[str, tuple[Retriever, float]] = {
        "bm25 in memory": (Bm25Config(corpus=corpus, cache_size=0).build(), 0.0),
        "bm25": (disk.model_copy(update={"cache_size": 0}).build(), _megabytes(disk.index / "bm25")),
        "bm25 lucene": (lucene.model_copy(update={"cache_size": 0}).build(), _megabytes(lucene.index / "bm25")),
    }
    if not quick or (dense.index / DENSE).is_file():
        dense.make(resume=True, report=_say)
        near = dense.build()
        size = (dense.index / "vectors.faiss").stat().st_size / 1e6
        found["dense"] = (near, size)
        for name in ("bm25", "bm25 lucene"):
            retriever, megabytes = found[name]
            found[f"hybrid of {name}"] = (HybridRetriever([retriever, near]), megabytes + size)
    return found


def _say(what: str, done: int, total: int) -> None:
    print(f"\r{what} {done}/{total}", end="", file=sys.stderr, flush=True)


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def run(quick: bool) -> dict[str, float | str]:
    """Recall at 1, 3 and 10, questions a processor second, and megabytes of each retriever; recall at 3 by dataset."""
    if not DATA.is_dir():
        return {"not measured": f"the real questions are not in {DATA}"}
    asked = questions()[:: 10 if quick else 1]
    figures: dict[str, float | str] = {"questions": float(len(asked))}
    for name, (retriever, megabytes) in retrievers(quick=quick).items():
        ranks, seconds = measure(retriever, asked)
        for k in TOP:
            figures[f"{name}: recall at {k}"] = recall(ranks, k)
        for dataset in DATASETS:
            own = [rank for rank, one in zip(ranks, asked, strict=True) if one.source == dataset]
            figures[f"{name}: recall at 3, {dataset}"] = recall(own, 3)
        figures[f"{name}: questions a second"] = len(asked) / seconds
        figures[f"{name}: index, MB"] = megabytes
    return figures


if __name__ == "__main__":
    for key, value in run(quick="--quick" in sys.argv).items():
        print(f"{key:48} {value if isinstance(value, str) else f'{value:,.3f}'}")
