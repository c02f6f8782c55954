"""Another search service in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from mem1.retrieval.base import Passage
from mem1.retrieval.config import RetrieverConfig

if TYPE_CHECKING:
    from mem1.retrieval.remote import RemoteRetriever


class RemoteConfig(RetrieverConfig):
    """Another ``POST /retrieve``; see ``RemoteRetriever``. Seconds are ``timeout`` and ``wait``."""

    type: Literal["remote"] = "remote"
    url: str = Field(pattern=r"^https?://")
    timeout: float = Field(default=30.0, gt=0)
    attempts: int = Field(default=4, ge=1)
    batch: int = Field(default=64, ge=1)
    wait: float = Field(default=0.005, ge=0)
    connections: int = Field(default=8, ge=1)

    @property
    def has_corpus(self) -> bool:
        """Whether it searches a corpus of its own, and not the passages that come with the task source."""
        return True

    def build(self, passages: Sequence[Passage] = ()) -> RemoteRetriever:
        """The client; the service searches a corpus of its own, so ``passages`` are not looked at."""
        from mem1.retrieval.remote import RemoteRetriever

        return RemoteRetriever(
            self.url,
            timeout=self.timeout,
            attempts=self.attempts,
            batch=self.batch,
            wait=self.wait,
            connections=self.connections,
        )
