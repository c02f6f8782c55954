"""Lexical search in memory, in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mem1.retrieval.base import Passage
from mem1.retrieval.bm25.tokens import Tokens, tokenizer
from mem1.retrieval.config import RetrieverConfig
from mem1.retrieval.corpus import read_corpus

if TYPE_CHECKING:  # numpy is loaded by what searches, not by reading a recipe
    from mem1.retrieval.bm25.memory import Bm25Retriever


class Bm25Config(RetrieverConfig):
    """Lexical search in memory. k1 0.9 and b 0.4 are what the field's Lucene indexes use."""

    type: Literal["bm25"] = "bm25"
    k1: float = Field(default=0.9, ge=0)
    b: float = Field(default=0.4, ge=0, le=1)
    tokens: Tokens = "words"
    corpus: Path | None = None  # None: the passages that come with the task source
    cache_size: int = Field(default=4096, ge=0)

    @property
    def has_corpus(self) -> bool:
        """Whether it searches a corpus of its own, and not the passages that come with the task source."""
        return self.corpus is not None

    def build(self, passages: Sequence[Passage] = ()) -> Bm25Retriever:
        """Index ``corpus``, or ``passages`` where no corpus is named. Raises ``DataError``."""
        from mem1.retrieval.bm25.memory import Bm25Retriever

        found = tuple(read_corpus(self.corpus)) if self.corpus is not None else passages
        split = tokenizer(self.tokens)
        return Bm25Retriever(found, k1=self.k1, b=self.b, tokenize=split, cache_size=self.cache_size)
