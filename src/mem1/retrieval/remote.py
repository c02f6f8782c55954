"""A search service elsewhere: the field's ``POST /retrieve``, as a retriever."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

from mem1.errors import BackendError, ConfigError
from mem1.retrieval.base import Hit
from mem1.retrieval.batching import Batcher
from mem1.retrieval.corpus import passage_of
from mem1.retrying import asked_wait, pause

try:
    import httpx
except ModuleNotFoundError as missing:
    raise ConfigError(
        "a remote retriever needs the package 'httpx'", where="retriever.type", hint="pip install 'mem1-rl[serve]'"
    ) from missing

_PASSING = (429, 500, 502, 503, 504)  # what a server answers while it starts, stops, or is overrun
_FIRST_PAUSE = 0.25  # seconds, doubled with each attempt
_LONGEST_PAUSE = 10.0  # also where the service asks for more


class RemoteRetriever:
    """Asks a service for passages: queries of concurrent searches go together, passing failures are tried again.

    ``url`` is the service's address, with or without ``/retrieve`` at its end. A service that cannot be reached, or
    answers with an error or with something else than passages, raises ``BackendError``.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: float = 30.0,
        attempts: int = 4,
        batch: int = 64,
        wait: float = 0.005,
        connections: int = 8,
        headers: dict[str, str] | None = None,
    ) -> None:
        base = url.rstrip("/")
        self._url = base if base.endswith("/retrieve") else f"{base}/retrieve"
        self._attempts = attempts
        # A blocking client in threads of its own: it outlives event loops, of which a run has many.
        self._client = httpx.Client(timeout=timeout, headers=headers)
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="retrieve")
        self._batcher = Batcher(self._ask, most=batch, wait=wait)

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The service's ``top_k`` best passages of each query, in its order. Raises ``BackendError``."""
        return await self._batcher.search(queries, top_k)

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown()
        self._client.close()

    async def _ask(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        body = {"queries": list(queries), "topk": top_k, "return_scores": True}
        answer = await asyncio.get_running_loop().run_in_executor(self._threads, self._post, body)
        return self._read(answer, len(queries), top_k)

    def _post(self, body: dict[str, Any]) -> Any:
        failure, wait = "", 0.0
        for attempt in range(self._attempts):
            sleep(wait)
            try:
                response = self._client.post(self._url, json=body)
            except httpx.TransportError as error:
                failure, wait = f"{type(error).__name__}: {error}", _pause(attempt, None)
                continue
            if response.status_code in _PASSING:
                failure = f"{response.status_code} {response.text[:200]}"
                wait = _pause(attempt, asked_wait(response.headers))
                continue
            if response.is_error:
                raise self._failed(f"{response.status_code} {response.text[:200]}", "see what the service wants")
            try:
                return response.json()
            except ValueError as error:
                raise self._failed(f"no JSON but {response.text[:80]!r}", "is this a search service?") from error
        raise self._failed(f"{failure}, {self._attempts} times", "start it, or correct retriever.url")

    def _read(self, answer: Any, count: int, top_k: int) -> list[list[Hit]]:
        try:
            lists = answer["result"]
            found = [
                [Hit(passage=passage_of(one["document"]), score=float(one["score"])) for one in hits[:top_k]]
                for hits in lists
            ]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            shown = str(answer)[:120]
            raise self._failed(
                f"not the answer expected ({type(error).__name__}: {error}): {shown}", "is this a search service?"
            ) from error
        if len(found) != count:
            raise self._failed(f"{len(found)} results for {count} queries", "is this a search service?")
        return found

    def _failed(self, what: str, hint: str) -> BackendError:
        return BackendError(f"the search service failed: {what}", where=self._url, hint=hint)


def _pause(attempt: int, asked: float | None) -> float:
    return pause(attempt, first=_FIRST_PAUSE, longest=_LONGEST_PAUSE, asked=asked, chance=random.random())
