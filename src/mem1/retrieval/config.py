"""Which retriever a run uses: a union told apart by ``type``.

Each has ``build(passages)``, which opens or makes the retriever (``passages`` come with the task source and serve where
no corpus is named), and ``make``, which writes the indexes on disk that ``build`` opens (``mem1 index``).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from mem1.config import Config, by_default
from mem1.http.addresses import check_address, check_variable
from mem1.retrieval.base import Passage
from mem1.retrieval.bm25.disk_config import Bm25DiskConfig
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.retrieval.bm25.tokens import Tokens, tokenizer
from mem1.retrieval.corpus import read_corpus
from mem1.retrieval.dense.config import DenseConfig
from mem1.retrieval.hybrid import HybridRetriever
from mem1.retrieval.progress import Report, quiet

if TYPE_CHECKING:
    from mem1.retrieval.remote import RemoteRetriever


class Bm25Config(Config):
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
        found = tuple(read_corpus(self.corpus)) if self.corpus is not None else passages
        split = tokenizer(self.tokens)
        return Bm25Retriever(found, k1=self.k1, b=self.b, tokenize=split, cache_size=self.cache_size)

    def make(self, *, resume: bool, report: Report = quiet) -> None:
        """Nothing: this index is made when it is opened."""


class RemoteConfig(Config):
    """Another ``POST /retrieve``; see ``RemoteRetriever``. Seconds are ``timeout`` and ``wait``.

    ``key_env`` names the environment variable that holds the service's key, sent as bearer.
    """

    type: Literal["remote"] = "remote"
    url: str
    key_env: str | None = None
    timeout: float = Field(default=30.0, gt=0)
    attempts: int = Field(default=4, ge=1)
    batch: int = Field(default=64, ge=1)
    wait: float = Field(default=0.005, ge=0)
    connections: int = Field(default=8, ge=1)

    @field_validator("key_env")
    @classmethod
    def _names_a_variable(cls, name: str | None) -> str | None:
        return check_variable(name)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        return check_address(url, "retriever.key_env")

    @property
    def has_corpus(self) -> bool:
        """Whether it searches a corpus of its own, and not the passages that come with the task source."""
        return True

    def build(self, passages: Sequence[Passage] = ()) -> RemoteRetriever:
        """The client; the service searches a corpus of its own, so ``passages`` are not looked at."""
        from mem1.retrieval.remote import RemoteRetriever

        return RemoteRetriever(
            self.url,
            key_env=self.key_env,
            timeout=self.timeout,
            attempts=self.attempts,
            batch=self.batch,
            wait=self.wait,
            connections=self.connections,
        )

    def make(self, *, resume: bool, report: Report = quiet) -> None:
        """Nothing: the service has its index."""


PartConfig = Annotated[Bm25Config | Bm25DiskConfig | DenseConfig | RemoteConfig, Field(discriminator="type")]


class HybridConfig(Config):
    """Reciprocal rank fusion over ``parts``; see ``HybridRetriever``."""

    type: Literal["hybrid"] = "hybrid"
    parts: tuple[PartConfig, ...] = (Bm25Config(), DenseConfig())
    rank_constant: float = Field(default=60.0, gt=0)
    depth: int = Field(default=50, ge=1)

    @model_validator(mode="after")
    def _several(self) -> Self:
        if len(self.parts) < 2:
            raise ValueError("a hybrid joins two retrievers or more: name them in parts")
        return self

    @property
    def has_corpus(self) -> bool:
        """Whether it searches a corpus of its own, and not the passages that come with the task source."""
        return all(part.has_corpus for part in self.parts)

    def build(self, passages: Sequence[Passage] = ()) -> HybridRetriever:
        """All parts, fused. Raises what the parts raise."""
        parts = [part.build(passages) for part in self.parts]
        return HybridRetriever(parts, rank_constant=self.rank_constant, depth=self.depth)

    def make(self, *, resume: bool, report: Report = quiet) -> None:
        """Write the parts' indexes."""
        for part in self.parts:
            part.make(resume=resume, report=report)


RetrieverConfig = Annotated[
    Bm25Config | Bm25DiskConfig | DenseConfig | HybridConfig | RemoteConfig,
    Field(discriminator="type"),
    by_default("bm25"),
]
