"""A search service elsewhere: the field's ``POST /retrieve``, as a retriever."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mem1.http.client import HttpClient
from mem1.http.errors import HttpError
from mem1.http.secret import Secret
from mem1.http.service import Keys, Service, Timeouts
from mem1.retrieval.base import Hit
from mem1.retrieval.batching import Batcher
from mem1.retrieval.corpus import passage_of

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0  # seconds
_LIMIT = 64 * 2**20  # bytes of an answer
_WHOLE = 4  # an answer that comes in many pieces may take so many times as long as the wait for one
_KEYS = Keys(
    url="retriever.url",
    key="retriever.key_env",
    patience="retriever.timeout",
    slots="retriever.connections",
    retries="retriever.attempts",
    refused="see what the service wants",
)


class NoPassagesError(HttpError):
    """The service answers with something else than passages. It would do so again."""


class RemoteRetriever:
    """Asks a service for passages: queries of concurrent searches go together, passing failures are tried again.

    ``url`` is the service's address, with or without ``/retrieve`` at its end; ``key_env`` names the environment
    variable that holds its key; ``keys`` what its settings are called. A service that cannot be reached, or answers
    with an error or with something else than passages, raises ``HttpError``. Used from any event loop.
    """

    def __init__(
        self,
        url: str,
        *,
        key_env: str | None = None,
        timeout: float = 30.0,
        attempts: int = 4,
        batch: int = 64,
        wait: float = 0.005,
        connections: int = 8,
        keys: Keys = _KEYS,
        **parts: Any,
    ) -> None:
        base = url.rstrip("/")
        service = Service(
            "the search service",
            base if base.endswith("/retrieve") else f"{base}/retrieve",
            keys,
            timeouts=Timeouts(min(10.0, timeout), timeout, _WHOLE * timeout),
            slots=connections,
            retries=attempts - 1,
            first_wait=_FIRST_PAUSE,
            longest_wait=_LONGEST_PAUSE,
            limit=_LIMIT,
        )
        self._client = HttpClient(service, Secret.from_environment(key_env, where=keys.key), **parts)
        self._batcher = Batcher(self._ask, most=batch, wait=wait)

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The service's ``top_k`` best passages of each query, in its order. Raises ``HttpError``."""
        return await self._batcher.search(queries, top_k)

    async def check(self) -> None:
        """Ask the service for a passage, to see that it is there and takes the key. Raises ``HttpError``."""
        try:
            await self._ask(["is anybody there?"], 1)
        except HttpError as error:
            raise error.told(error.what, ends_run=True) from None

    def close(self) -> None:
        """Close the connections."""
        self._client.close_blocking()

    async def _ask(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        body = {"queries": list(queries), "topk": top_k, "return_scores": True}
        found, _ = await self._client.call("", body, lambda answer: _read(answer, len(queries), top_k))
        return found


def _read(answer: Any, count: int, top_k: int) -> list[list[Hit]]:
    try:
        found = [[_hit(one) for one in hits[:top_k]] for hits in answer["result"]]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        failure = f"not the answer expected ({type(error).__name__}: {error}): {str(answer)[:120]}"
    else:
        if len(found) == count:
            return found
        failure = f"{len(found)} results for {count} queries"
    raise NoPassagesError(f"the search service failed: {failure}", hint="is this a search service?")


def _hit(one: Any) -> Hit:
    score = float(one["score"])
    if not math.isfinite(score):
        raise ValueError(f"a score of {score}")
    return Hit(passage=passage_of(one["document"]), score=score)
