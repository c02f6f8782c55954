"""The search service under load: 64 clients at once, batches of 16 questions, each client asking again when answered.

The server is a process of its own on 127.0.0.1, over the real Wikipedia passages where they lie beside the checkout
(../shared), else over the embedded world. Clients, on the same cores, speak HTTP through plain sockets, so that they
take little of what is measured. Memory is the server's resident set: when it is ready, after a warm-up (a sixth of the
time), and at the end. Aim: no error, and no growth after the warm-up.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import psutil

from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.files.qa_files import read_objectives
from tests.ending import started

CLIENTS = 64
QUERIES = 16
TOP_K = 3
DATA = Path(__file__).parents[2] / "shared" / "data" / "qa"
MIB = 1 << 20


@dataclass(slots=True)
class Log:
    """What the clients saw: seconds of every answered request, and what else happened."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def run(quick: bool) -> dict[str, float | str]:
    """Throughput, latencies, errors and memory over 60 seconds (5 if quick), with one worker."""
    return measure(seconds=5.0 if quick else 60.0, workers=1)


def measure(*, seconds: float, workers: int) -> dict[str, float | str]:
    """As ``run``, for so many seconds and worker processes."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, questions, name = world(Path(folder))
        with server(corpus, workers) as (process, port):
            asyncio.run(calls(port, questions, 1.0, Log(), clients=1))  # ready, and every page of it touched once
            ready = resident(process)
            warm, log = Log(), Log()
            asyncio.run(calls(port, questions, seconds / 6, warm))
            warmed = resident(process)
            began = time.perf_counter()
            asyncio.run(calls(port, questions, seconds, log))
            took = time.perf_counter() - began
            end = resident(process)
            process.terminate()
            code = process.wait(60)
    errors = [*warm.errors, *log.errors]
    taken = sorted(log.seconds)
    return {
        "corpus": name,
        "clients x queries": f"{CLIENTS} x {QUERIES}, {TOP_K} passages each, {workers} worker(s)",
        "seconds": took,
        "requests": float(len(taken)),
        "requests a second": len(taken) / took,
        "queries a second": QUERIES * len(taken) / took,
        "p50, ms": 1e3 * percentile(taken, 50),
        "p95, ms": 1e3 * percentile(taken, 95),
        "p99, ms": 1e3 * percentile(taken, 99),
        "errors": float(len(errors)),
        "first error": errors[0] if errors else "none",
        "server memory when ready, MiB": ready / MIB,
        "server memory after warm-up, MiB": warmed / MIB,
        "server memory at the end, MiB": end / MIB,
        "growth after warm-up": end / warmed - 1,
        "exit code after SIGTERM": float(code),
    }


def world(folder: Path) -> tuple[Path, list[str], str]:
    """A corpus file, questions about it, and what it is."""
    real = DATA / "wiki18_subset.jsonl"
    if real.is_file():
        questions = [o.question for o in read_objectives(DATA / "nq_test.jsonl", "nq")]
        return real, questions, "wiki18_subset, 8,236 passages"
    embedded = factbook_world()
    corpus = folder / "corpus.jsonl"
    lines = (json.dumps({"id": p.id, "title": p.title, "text": p.text}) + "\n" for p in embedded.passages)
    corpus.write_text("".join(lines))
    return corpus, [o.question for o in embedded.objectives("train")], "embedded world"


@contextmanager
def server(corpus: Path, workers: int) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """``mem1 serve retrieve`` over ``corpus`` on a free port; every query is searched for, none remembered."""
    words = ["--corpus", str(corpus), "--port", "0", "--workers", str(workers), "--json"]
    words += ["--retriever.cache_size", "0"]
    command = [sys.executable, "-m", "mem1.cli.main", "serve", "retrieve", *words]
    process = started(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["retrieve"]
        yield process, int(address.rpartition(":")[2].partition("/")[0])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


async def calls(port: int, questions: list[str], seconds: float, log: Log, *, clients: int = CLIENTS) -> None:
    """So many clients, each on its own connection, asking one batch after the other for so long."""
    until = time.perf_counter() + seconds
    await asyncio.gather(*(client(port, questions, until, log, number) for number in range(clients)))


async def client(port: int, questions: list[str], until: float, log: Log, number: int) -> None:
    """One client: asks, reads the whole answer, and looks into every 16th."""
    rng = random.Random(number)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=8 * MIB)
    count = 0
    while time.perf_counter() < until:
        body = json.dumps({"queries": rng.choices(questions, k=QUERIES), "topk": TOP_K, "return_scores": True}).encode()
        head = f"POST /retrieve HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        began = time.perf_counter()
        try:
            writer.write(head + body)
            said = await reader.readuntil(b"\r\n\r\n")
            size = next(line for line in said.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            answer = await reader.readexactly(int(size.partition(b":")[2]))
        except (OSError, EOFError, asyncio.LimitOverrunError) as error:
            log.errors.append(f"{type(error).__name__}: {error}")
            return
        log.seconds.append(time.perf_counter() - began)
        status = said.split(b" ", 2)[1]
        if status != b"200":
            log.errors.append(f"status {status.decode()}: {answer[:200].decode()}")
        elif count % 16 == 0 and not whole(answer):
            log.errors.append(f"not an answer: {answer[:200].decode()}")
        count += 1
    writer.close()


def whole(answer: bytes) -> bool:
    """Whether there is a list for each query, with scored documents, best first."""
    rows = json.loads(answer)["result"]
    scores = [[row["score"] for row in some if row["document"]["contents"]] for some in islice(rows, QUERIES + 1)]
    return len(scores) == QUERIES and all(1 <= len(s) <= TOP_K and s == sorted(s, reverse=True) for s in scores)


def resident(process: subprocess.Popen[str]) -> float:
    """Bytes that the server and its workers hold in memory."""
    return float(sum(one.memory_info().rss for one in psutil.Process(process.pid).children(recursive=True)))


def percentile(ordered: list[float], share: float) -> float:
    """The smallest value that ``share`` percent do not exceed; NaN of none."""
    return ordered[max(0, -(-len(ordered) * int(share) // 100) - 1)] if ordered else float("nan")


if __name__ == "__main__":
    print(json.dumps(run(quick="--quick" in sys.argv), indent=1))
