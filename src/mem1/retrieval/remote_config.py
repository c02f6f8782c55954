"""Another search service in a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from mem1.http.addresses import VariableName, address
from mem1.retrieval.base import Passage
from mem1.retrieval.config import RetrieverConfig

if TYPE_CHECKING:
    from mem1.retrieval.remote import RemoteRetriever


class RemoteConfig(RetrieverConfig):
    """Another ``POST /retrieve``; see ``RemoteRetriever``. Seconds are ``timeout`` and ``wait``.

    ``key_env`` names the environment variable that holds the service's key, sent as bearer.
    """

    type: Literal["remote"] = "remote"
    url: Annotated[str, address("retriever.key_env")]
    key_env: VariableName | None = None
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
            key_env=self.key_env,
            timeout=self.timeout,
            attempts=self.attempts,
            batch=self.batch,
            wait=self.wait,
            connections=self.connections,
        )

    async def check(self) -> None:
        """Ask the service once."""
        retriever = self.build()
        await retriever.check()
        retriever.close()
