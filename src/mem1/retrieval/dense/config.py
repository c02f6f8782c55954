"""Dense retrieval in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from mem1.retrieval.base import Passage
from mem1.retrieval.config import RetrieverConfig
from mem1.retrieval.corpus import read_corpus
from mem1.retrieval.progress import Report, quiet
from mem1.retrieval.store.build import build_store
from mem1.retrieval.store.store import CorpusStore

if TYPE_CHECKING:  # torch and FAISS are loaded by what uses them, not by reading a recipe
    from mem1.retrieval.dense.encoder import Encoder
    from mem1.retrieval.dense.index import Plan
    from mem1.retrieval.dense.retriever import DenseRetriever


class DenseConfig(RetrieverConfig):
    """Nearest vectors. In memory without ``index``; with it, in the folder that ``mem1 index`` made of ``corpus``.

    ``encoder`` is a folder, ``package:minilm``, or a name on the hub. Prefixes go in front of queries and passages;
    ``None`` is what an E5 model (by its name) was trained with, else nothing. ``kind`` and ``compression`` say how
    vectors are kept: ``flat`` looks at all of them, ``hnsw`` (``neighbours``, ``ef_search``) and ``ivf`` (``lists``,
    ``probes``) at some. ``faiss`` names an index that exists already, such as the published one; its row i is line i
    of ``corpus``.
    """

    type: Literal["dense"] = "dense"
    encoder: str = "package:minilm"
    query_prefix: str | None = None
    passage_prefix: str | None = None
    pooling: Literal["mean", "cls"] = "mean"
    max_tokens: int = Field(default=256, ge=1)
    batch: int = Field(default=64, ge=1)
    device: str = "auto"
    dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    kind: Literal["flat", "hnsw", "ivf"] = "flat"
    compression: Literal["none", "float16", "int8"] = "none"
    neighbours: int = Field(default=32, ge=2)
    ef_search: int = Field(default=128, ge=1)
    lists: int | None = Field(default=None, ge=1)
    probes: int = Field(default=32, ge=1)
    corpus: Path | None = None
    index: Path | None = None
    faiss: Path | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.index or self.faiss) and not self.corpus:
            raise ValueError("an index on disk needs the corpus that it was made from: set corpus too")
        if self.faiss and not self.index:
            raise ValueError("set index too: the folder in which the corpus's offsets are kept")
        return self

    @property
    def has_corpus(self) -> bool:
        """Whether it searches a corpus of its own, and not the passages that come with the task source."""
        return self.corpus is not None

    @property
    def prefixes(self) -> tuple[str, str]:
        """What goes in front of a query, and of a passage."""
        known = ("query: ", "passage: ") if "e5" in Path(self.encoder).name.lower() else ("", "")
        return (
            known[0] if self.query_prefix is None else self.query_prefix,
            known[1] if self.passage_prefix is None else self.passage_prefix,
        )

    @property
    def folder(self) -> Path | None:
        """Where its index lies."""
        return self.index

    def build(self, passages: Sequence[Passage] = ()) -> DenseRetriever:
        """Open the index; without one encode ``corpus``, or ``passages``, now. Raises ``DataError``, ``ModelError``."""
        from mem1.retrieval.dense.index import check_made, open_index
        from mem1.retrieval.dense.retriever import DenseRetriever, dense_in_memory

        query, passage = self.prefixes
        if self.index is None:
            found = tuple(read_corpus(self.corpus)) if self.corpus is not None else passages
            return dense_in_memory(found, self._encoder(), query_prefix=query, passage_prefix=passage)
        store = CorpusStore.open(self.index, self.corpus)
        if self.faiss is None:
            check_made(self.index, self._plan().made_with, store)
        index = open_index(
            self.faiss or self.index / self._plan().file,
            rows=len(store),
            ef_search=self.ef_search,
            probes=self.probes,
        )
        return DenseRetriever(store, index, self._encoder(), query_prefix=query, batch=self.batch)

    def make(self, *, resume: bool, report: Report = quiet) -> None:
        """Write what ``build`` opens; without ``index`` there is nothing to write."""
        if self.index is None or self.corpus is None:
            return
        store = build_store(self.corpus, self.index, resume=resume, report=report)
        if self.faiss is None:
            from mem1.retrieval.dense.index import build_dense
            from mem1.retrieval.dense.retriever import encode_passages

            encoder, (_, prefix) = self._encoder(), self.prefixes
            build_dense(
                store,
                self.index,
                self._plan(),
                lambda chunk: encode_passages(encoder, chunk, prefix),
                encoder.dimension,
                resume=resume,
                report=report,
            )

    def _encoder(self) -> Encoder:
        from mem1.retrieval.dense.encoder import Encoder

        return Encoder(
            self.encoder,
            pooling=self.pooling,
            max_tokens=self.max_tokens,
            batch=self.batch,
            device=self.device,
            dtype=self.dtype,
        )

    def _plan(self) -> Plan:
        from mem1.retrieval.dense.index import Plan

        made_with = {
            "encoder": self.encoder,
            "pooling": self.pooling,
            "max_tokens": str(self.max_tokens),
            "passage_prefix": self.prefixes[1],
        }
        return Plan(
            made_with=made_with,
            kind=self.kind,
            compression=self.compression,
            neighbours=self.neighbours,
            lists=self.lists,
        )
