"""Requests that arrive while a search is running are answered together by the next one.

Nothing waits for company: a lone request is searched at once, and batches grow only as far as the retriever is behind.
Searching happens in a thread with an event loop of its own, so that the server's loop stays free to answer.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from mem1.errors import BackendError
from mem1.retrieval.base import Hit, Retriever

Found = list[list[Hit]]
T = TypeVar("T")


class BusyError(BackendError):
    """Too many requests wait already."""


@dataclass(slots=True)
class _Waiting:
    """One request: its queries, and where their hits go.

    ``taken`` of the queries were given to a call. The hits of those that came back stand in ``hits``, by place.
    """

    queries: list[str]
    top_k: int
    found: asyncio.Future[Found]
    taken: int = 0
    hits: dict[int, list[Hit]] = field(default_factory=dict)

    def take(self, most: int) -> _Part:
        """The next queries, at most ``most``."""
        start = self.taken
        self.taken = min(start + most, len(self.queries))
        return _Part(self, start, self.queries[start : self.taken])

    @property
    def open(self) -> bool:
        """Whether there are queries left to search for, and somebody who waits for them."""
        return self.taken < len(self.queries) and not self.found.done()


@dataclass(frozen=True, slots=True)
class _Part:
    """Some queries of a request, from its query number ``start``."""

    request: _Waiting
    start: int
    queries: list[str]

    def give(self, hits: Found) -> None:
        """The hits of these queries; the last part completes the request."""
        request = self.request
        request.hits.update(enumerate(hits, start=self.start))
        if len(request.hits) == len(request.queries) and not request.found.done():
            request.found.set_result([request.hits[place] for place in range(len(request.queries))])


class SearchQueue:
    """Turns concurrent searches into few calls of a retriever. Belongs to one event loop.

    Requests of one call ask for the same number of passages, so that a result never depends on what else was
    asked at the same time. A large request is searched for a part at a time, others in between.
    ``on_batch`` is told the number of queries of each call and the seconds it took.
    """

    def __init__(
        self,
        retriever: Retriever,
        *,
        batch: int,
        lanes: int,
        max_waiting: int,
        on_batch: Callable[[int, float], None] = lambda queries, seconds: None,
    ) -> None:
        self._retriever = retriever
        self._batch = batch
        self._max_waiting = max_waiting
        self._on_batch = on_batch
        self._waiting: deque[_Waiting] = deque()
        self._in_hand = 0
        self._arrived = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="mem1-search", daemon=True)
        self._thread.start()
        self._lanes = [asyncio.create_task(self._lane()) for _ in range(lanes)]

    @property
    def in_hand(self) -> int:
        """Requests that wait or are being searched."""
        return self._in_hand

    async def search(self, queries: Sequence[str], top_k: int) -> Found:
        """The hits of each query. Raises ``BusyError``, and whatever the retriever raises for these queries.

        A caller that is cancelled (a time-out) while it waits is not searched for.
        """
        if self._in_hand >= self._max_waiting:
            raise BusyError(
                f"{self._in_hand} requests wait already", hint="try again in a second, or serve with more --workers"
            )
        request = _Waiting(list(queries), top_k, asyncio.get_running_loop().create_future())
        self._in_hand += 1
        self._waiting.append(request)
        self._arrived.set()
        try:
            return await request.found
        finally:
            self._in_hand -= 1

    async def close(self) -> None:
        """Stop searching and end the thread; a retriever with ``close`` is closed."""
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        close = getattr(self._retriever, "close", None)
        if close is not None:
            await self._in_thread(_closing(close))
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join, 5.0)

    async def _lane(self) -> None:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            parts = self._next_batch()
            if parts:
                await self._answer(parts)

    def _next_batch(self) -> list[_Part]:
        """Parts of the requests at the head of the queue that ask for as many passages as the first, up to the batch.

        A request of which queries are left goes to the end of the queue.
        """
        taken: list[_Part] = []
        room = self._batch
        while self._waiting and room:
            request = self._waiting[0]
            if request.open:
                if taken and request.top_k != taken[0].request.top_k:
                    break
                taken.append(request.take(room))
                room -= len(taken[-1].queries)
            self._waiting.popleft()
            if request.open:
                self._waiting.append(request)
        return taken

    async def _answer(self, parts: list[_Part]) -> None:
        try:
            found = await self._call([query for part in parts for query in part.queries], parts[0].request.top_k)
        except Exception as error:
            if len(parts) == 1:
                _fail(parts[0].request, error)
                return
            # One query may be what the retriever cannot do: the others must not go down with it.
            for part in parts:
                await self._answer([part])
            return
        start = 0
        for part in parts:
            end = start + len(part.queries)
            part.give(found[start:end])
            start = end

    async def _call(self, queries: list[str], top_k: int) -> Found:
        """One search, and a check that there is one list a query."""
        began = time.perf_counter()
        hits = await self._in_thread(self._retriever.search(queries, top_k))
        self._on_batch(len(queries), time.perf_counter() - began)
        if len(hits) != len(queries):
            raise BackendError(
                f"the retriever gave {len(hits)} lists of hits for {len(queries)} queries", hint="mend the retriever"
            )
        return hits

    async def _in_thread(self, work: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))


async def _closing(close: Callable[[], object]) -> None:
    result = close()
    if asyncio.iscoroutine(result):
        await result


def _fail(request: _Waiting, error: Exception) -> None:
    with suppress(asyncio.InvalidStateError):
        request.found.set_exception(error)
