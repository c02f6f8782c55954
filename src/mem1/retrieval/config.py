"""Which retriever a run uses."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from mem1.config import Config
from mem1.retrieval.base import Passage
from mem1.retrieval.bm25 import Bm25Retriever
from mem1.retrieval.corpus import read_corpus


class Bm25Config(Config):
    """Lexical search in memory. k1 0.9 and b 0.4 are what the field's Lucene indexes use."""

    type: Literal["bm25"] = "bm25"
    k1: float = Field(default=0.9, ge=0)
    b: float = Field(default=0.4, ge=0, le=1)
    corpus: Path | None = None  # None: the passages that come with the task source
    cache_size: int = Field(default=4096, ge=0)

    def build(self, passages: Sequence[Passage] = ()) -> Bm25Retriever:
        """Index ``corpus``, or ``passages`` where no corpus is named. Raises ``DataError``."""
        found = tuple(read_corpus(self.corpus)) if self.corpus is not None else passages
        return Bm25Retriever(found, k1=self.k1, b=self.b, cache_size=self.cache_size)
