"""Dense retrieval: the passages whose vectors are nearest to the query's."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from mem1.errors import BackendError, DataError, boundary
from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.batching import Batcher
from mem1.retrieval.dense.encoder import Encoder, Vectors
from mem1.retrieval.dense.index import flat_index


class Passages(Protocol):
    """Passages by row: a list, or a ``CorpusStore``."""

    def __len__(self) -> int:
        """How many there are."""

    def __getitem__(self, row: int, /) -> Passage:
        """The passage of a row."""


class DenseRetriever:
    """Looks queries up in a FAISS index of inner products; row ``i`` of it is ``passages[i]``.

    Queries of concurrent searches are encoded together, in a thread of their own, up to ``batch`` at a time.
    """

    def __init__(
        self,
        passages: Passages,
        index: Any,
        encoder: Encoder,
        *,
        query_prefix: str = "",
        batch: int = 64,
        wait: float = 0.002,
    ) -> None:
        if index.d != encoder.dimension:
            raise DataError(
                f"the dense index has vectors of {index.d} numbers, the encoder of {encoder.dimension}",
                where="retriever.encoder",
                hint="use the encoder that the index was made with",
            )
        self._passages = passages
        self._index = index
        self._encoder = encoder
        self._prefix = query_prefix
        # One thread: tokenizers refuse two callers at once, and encoding uses the cores by itself.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="dense")
        self._batcher = Batcher(self._ask, most=batch, wait=wait)

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The ``top_k`` passages with the largest inner products. A failing device raises ``BackendError``."""
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, got {top_k}")
        return await self._batcher.search(queries, top_k)

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown()

    async def _ask(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._find, queries, top_k)

    def _find(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        with boundary("dense retrieval failed", BackendError, hint="see retriever.device and the memory that is free"):
            vectors = self._encoder.encode([f"{self._prefix}{query}" for query in queries])
            scores, rows = self._index.search(vectors, min(top_k, len(self._passages)))
        return [
            # Approximate indexes fill up with -1 where they looked at too few passages.
            [Hit(passage=self._passages[row], score=score) for row, score in zip(*pair, strict=True) if row >= 0]
            for pair in zip(rows.tolist(), scores.tolist(), strict=True)
        ]


def encode_passages(encoder: Encoder, passages: Sequence[Passage], prefix: str) -> Vectors:
    """Vectors of passages: the prefix, then the contents as the corpus has them."""
    return encoder.encode([f"{prefix}{passage.document()['contents']}" for passage in passages])


def dense_in_memory(
    passages: Sequence[Passage], encoder: Encoder, *, query_prefix: str = "", passage_prefix: str = ""
) -> DenseRetriever:
    """Encode ``passages`` now and search them exactly. Raises ``DataError`` for an empty corpus."""
    if not passages:
        raise DataError("there is no passage to search", hint="give a corpus with at least one passage")
    index = flat_index(encode_passages(encoder, passages, passage_prefix))
    return DenseRetriever(tuple(passages), index, encoder, query_prefix=query_prefix)
