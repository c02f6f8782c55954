"""What every retriever promises, whatever it searches with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from mem1.retrieval.base import Hit, Passage, Retriever
from mem1.retrieval.bm25.config import Bm25Config
from mem1.retrieval.bm25.disk_config import Bm25DiskConfig
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.retrieval.dense.encoder import Encoder, Vectors
from mem1.retrieval.dense.retriever import dense_in_memory
from mem1.retrieval.hybrid import HybridRetriever
from mem1.retrieval.remote_config import RemoteConfig
from tests.unit.retrieval.fakes import service

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
PASSAGES = [
    Passage(id=str(i), title=f"T{i}", text=" ".join(WORDS[j % 8] for j in range(i, i + 1 + i % 3)), extra={"n": i})
    for i in range(24)
]
QUERIES = ["alpha beta", "theta", "delta delta epsilon", "gamma zeta eta"]


class CountingEncoder:
    """One number for each known word: enough to be nearest to something."""

    dimension = len(WORDS)

    def encode(self, texts: Sequence[str]) -> Vectors:
        counts = np.array([[1e-3 + text.split().count(word) for word in WORDS] for text in texts], dtype=np.float32)
        unit: Vectors = counts / np.linalg.norm(counts, axis=1, keepdims=True)
        return unit


def dense() -> Retriever:
    return dense_in_memory(PASSAGES, cast("Encoder", CountingEncoder()))


def on_disk(folder: Path, tokens: Any) -> Retriever:
    (folder / "c.jsonl").write_text("".join(json.dumps(p.document()) + "\n" for p in PASSAGES))
    config = Bm25DiskConfig(corpus=folder / "c.jsonl", index=folder / "i", tokens=tokens)
    config.make(resume=False)
    return config.build()


def serve(body: dict[str, Any]) -> tuple[int, Any]:
    found = asyncio.run(Bm25Retriever(PASSAGES).search(body["queries"], body["topk"]))
    hits = [[{"document": hit.passage.document(), "score": hit.score} for hit in one] for one in found]
    return 200, {"result": hits}


Make = Callable[[Path, ExitStack], Retriever]
RETRIEVERS: dict[str, Make] = {
    "bm25": lambda folder, stack: Bm25Retriever(PASSAGES),
    "bm25 lucene": lambda folder, stack: Bm25Config(tokens="lucene").build(PASSAGES),
    "bm25_disk": lambda folder, stack: on_disk(folder, "words"),
    "bm25_disk lucene": lambda folder, stack: on_disk(folder, "lucene"),
    "dense": lambda folder, stack: dense(),
    "hybrid": lambda folder, stack: HybridRetriever([Bm25Retriever(PASSAGES), dense()]),
    "remote": lambda folder, stack: RemoteConfig(url=stack.enter_context(service(serve))[0]).build(),
}


@pytest.fixture(params=RETRIEVERS)
def retriever(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Retriever]:
    with ExitStack() as stack:
        made = RETRIEVERS[request.param](tmp_path, stack)
        yield made
        if callable(close := getattr(made, "close", None)):
            close()


def search(retriever: Retriever, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
    return asyncio.run(retriever.search(queries, top_k))


def test_it_is_a_retriever(retriever: Retriever) -> None:
    assert isinstance(retriever, Retriever)


def test_each_query_gets_its_own_hits_best_first(retriever: Retriever) -> None:
    found = search(retriever, QUERIES, 3)
    assert len(found) == len(QUERIES)
    for query, hits in zip(QUERIES, found, strict=True):
        assert 0 < len(hits) <= 3
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert set(query.split()) & set(hits[0].passage.text.split())
        assert len({hit.passage.id for hit in hits}) == len(hits)
    assert found == [search(retriever, [query], 3)[0] for query in QUERIES]


def test_passages_come_whole(retriever: Retriever) -> None:
    by_id = {passage.id: passage for passage in PASSAGES}
    for hits in search(retriever, QUERIES, 5):
        for hit in hits:
            assert hit.passage == by_id[hit.passage.id]


def test_fewer_hits_are_the_first_of_more(retriever: Retriever) -> None:
    """By score: which of several equally good ones comes first is left open."""
    few, more, most = ([hit.score for hit in search(retriever, ["gamma delta"], k)[0]] for k in (1, 2, 5))
    assert few == most[:1]
    assert more == most[:2]


def test_odd_requests(retriever: Retriever) -> None:
    assert search(retriever, [], 3) == []
    many = search(retriever, ["alpha", ""], 1000)
    assert len(many[0]) <= len(PASSAGES)
    same = search(retriever, ["alpha", "alpha"], 2)
    assert same[0] == same[1]
    assert same[0] is not same[1]


def test_many_at_once_get_what_each_would_get_alone(retriever: Retriever) -> None:
    async def main() -> list[list[list[Hit]]]:
        return list(await asyncio.gather(*(retriever.search([query], k) for k in (1, 2, 3) for query in QUERIES)))

    alone = [search(retriever, [query], k) for k in (1, 2, 3) for query in QUERIES]
    assert asyncio.run(main()) == alone
