"""Large-scale lexical search in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mem1.retrieval.base import Passage
from mem1.retrieval.bm25.tokens import Tokens
from mem1.retrieval.config import RetrieverConfig
from mem1.retrieval.progress import Report, quiet
from mem1.retrieval.store.build import build_store
from mem1.retrieval.store.store import CorpusStore

if TYPE_CHECKING:
    from mem1.retrieval.bm25.disk import Bm25DiskRetriever


class Bm25DiskConfig(RetrieverConfig):
    """BM25 over a corpus of any size, in the folder ``index`` that ``mem1 index`` made of ``corpus``.

    Scores are worked out when the index is made, so ``k1``, ``b`` and ``tokens`` belong to it.
    """

    type: Literal["bm25_disk"] = "bm25_disk"
    corpus: Path
    index: Path
    k1: float = Field(default=0.9, ge=0)
    b: float = Field(default=0.4, ge=0, le=1)
    tokens: Tokens = "words"
    cache_size: int = Field(default=4096, ge=0)

    @property
    def has_corpus(self) -> bool:
        """Whether it searches a corpus of its own, and not the passages that come with the task source."""
        return True

    @property
    def folder(self) -> Path | None:
        """Where its index lies."""
        return self.index

    def build(self, passages: Sequence[Passage] = ()) -> Bm25DiskRetriever:
        """Open the index; ``passages`` are not looked at. Raises ``DataError`` where it is not there."""
        from mem1.retrieval.bm25.disk import Bm25DiskRetriever

        return Bm25DiskRetriever.open(
            CorpusStore.open(self.index, self.corpus),
            self.index,
            tokens=self.tokens,
            k1=self.k1,
            b=self.b,
            cache_size=self.cache_size,
        )

    def make(self, *, resume: bool, report: Report = quiet) -> None:
        """Write what ``build`` opens."""
        from mem1.retrieval.bm25.build import build_bm25

        store = build_store(self.corpus, self.index, resume=resume, report=report)
        build_bm25(store, self.index, tokens=self.tokens, k1=self.k1, b=self.b, resume=resume, report=report)
