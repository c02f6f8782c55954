"""What a corpus of 10^4, 10^5 and 10^6 passages costs: building store and BM25 index, their size, memory, a query.

The passages are the real ones (``../shared/data/qa``), repeated; in each copy a sixth of the words are others, drawn
from the whole text, and the title is numbered. Each build runs in a process of its own, so that its peak memory can be
told. Queries are real questions, one after the other on one thread; milliseconds are those of the processor, and,
apart, of the clock, which a busy machine stretches. 1.3 GB of files go to ``$MEM1_BENCH_CACHE`` (default
``~/.cache/mem1/bench``).

Aim: 10^6 passages built in less than 2 GB, a median below 20 ms. ``--quick``: up to 10^5.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from mem1.retrieval.bm25.disk import Bm25DiskRetriever
from mem1.retrieval.corpus import read_corpus
from mem1.retrieval.store.store import CorpusStore
from mem1.tasks.files.qa_files import QaFiles

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "qa"
CACHE = Path(os.environ.get("MEM1_BENCH_CACHE") or Path.home() / ".cache" / "mem1" / "bench")
CHANGED = 6  # one word in so many
TOP_K = 3
BUILD = """
import json, resource, sys, time
from pathlib import Path
from mem1.retrieval.bm25.build import build_bm25
from mem1.retrieval.store.build import build_store
corpus, folder = Path(sys.argv[1]), Path(sys.argv[2])
store = build_store(corpus, folder)
read = time.process_time()
build_bm25(store, folder)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
print(json.dumps({"store": read, "bm25": time.process_time() - read, "peak": peak}))
"""


def write_corpus(path: Path, count: int) -> None:
    """``count`` passages as JSON lines: the real ones, then changed copies. The same on every machine."""
    rng = random.Random(0)
    real = [(passage.title, passage.text.split(" ")) for passage in read_corpus(DATA / "wiki18_subset.jsonl")]
    pool = [word for _, words in real for word in words]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            title, words = real[number % len(real)]
            if number >= len(real):
                words = words.copy()
                for _ in range(len(words) // CHANGED + 1):
                    words[rng.randrange(len(words))] = rng.choice(pool)
                title = f"{title} {number // len(real)}"
            title = title.replace('"', '""')
            contents = f'"{title}"\n{" ".join(words)}'
            file.write(json.dumps({"id": str(number), "contents": contents}) + "\n")


def measure(count: int) -> dict[str, float]:
    """Build an index of ``count`` passages anew and query it."""
    folder = CACHE / f"scale-{count}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    corpus, index = folder / "corpus.jsonl", folder / "index"
    write_corpus(corpus, count)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(corpus), str(index)], capture_output=True, text=True, check=True
    )
    built = json.loads(done.stdout)
    size = sum(file.stat().st_size for file in index.rglob("*") if file.is_file())
    retriever = Bm25DiskRetriever.open(CorpusStore.open(index, corpus), index, cache_size=0)
    processor, clock = query(retriever)
    return {
        "corpus, MB": corpus.stat().st_size / 1e6,
        "index, MB": size / 1e6,
        "store, CPU seconds": built["store"],
        "index, CPU seconds": built["bm25"],
        "peak of the build, MB": built["peak"],
        "query, median CPU ms": statistics.median(processor),
        "query, 95th percentile CPU ms": statistics.quantiles(processor, n=20)[-1],
        "query, median ms by the clock": statistics.median(clock),
    }


def query(retriever: Bm25DiskRetriever) -> tuple[list[float], list[float]]:
    """Milliseconds of each question, processor and clock; each is asked once before, to have its pages in memory."""
    asked = [
        one.question
        for name in ("nq", "triviaqa", "popqa")
        for one in QaFiles(name, {"test": DATA / f"{name}_test.jsonl"}).objectives("test")[::20]
    ]
    processor, clock = [], []
    for question in asked:
        retriever.find(question, TOP_K)
        began, started = time.perf_counter(), time.process_time()
        retriever.find(question, TOP_K)
        processor.append(1e3 * (time.process_time() - started))
        clock.append(1e3 * (time.perf_counter() - began))
    return processor, clock


def run(quick: bool) -> dict[str, float | str]:
    """The cost of each size."""
    if not DATA.is_dir():
        return {"not measured": f"the real passages are not in {DATA}"}
    sizes = (10_000, 100_000) if quick else (10_000, 100_000, 1_000_000)
    return {f"{size:,}: {name}": value for size in sizes for name, value in measure(size).items()}


if __name__ == "__main__":
    for key, value in run(quick="--quick" in sys.argv).items():
        print(f"{key:48} {value if isinstance(value, str) else f'{value:,.3f}'}")
