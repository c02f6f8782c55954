"""Concurrent searches joined into one call: many episodes wait for the same index at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from weakref import WeakKeyDictionary

from mem1.retrieval.base import Hit

Search = Callable[[Sequence[str], int], Awaitable[list[list[Hit]]]]


class _Waiting(NamedTuple):
    query: str
    found: asyncio.Future[list[Hit]]


class Batcher:
    """Gathers queries for ``wait`` seconds, or until there are ``most``, and looks them up together.

    Queries that want different numbers of passages are looked up apart. What fails fails for all that were in the
    call. It can be used from one event loop after the other.
    """

    def __init__(self, search: Search, *, most: int, wait: float) -> None:
        self._search = search
        self._most = most
        self._wait = wait
        # By loop: what a loop that ended left behind must not keep the next one waiting.
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, list[_Waiting]]] = WeakKeyDictionary()
        self._running: set[asyncio.Task[None]] = set()

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """The ``top_k`` best passages of each query; raises what the search raises."""
        loop = asyncio.get_running_loop()
        mine = [_Waiting(query, loop.create_future()) for query in queries]
        line = self._waiting.setdefault(loop, {}).setdefault(top_k, [])
        for one in mine:
            line.append(one)
            if len(line) >= self._most:
                self._send(loop, top_k)
                line = self._waiting[loop].setdefault(top_k, [])
            elif len(line) == 1:
                loop.call_later(self._wait, self._send, loop, top_k)
        # All are waited for even where one fails, so that no failure goes unheard.
        found = await asyncio.gather(*(one.found for one in mine), return_exceptions=True)
        for result in found:
            if isinstance(result, BaseException):
                raise result
        return [result for result in found if not isinstance(result, BaseException)]

    def _send(self, loop: asyncio.AbstractEventLoop, top_k: int) -> None:
        batch = self._waiting[loop].pop(top_k, [])
        if batch:  # a timer also ends when its batch was full and left before
            task = loop.create_task(self._answer(batch, top_k))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    async def _answer(self, batch: list[_Waiting], top_k: int) -> None:
        try:
            found = await self._search([one.query for one in batch], top_k)
        except Exception as error:
            for one in batch:
                if not one.found.done():
                    one.found.set_exception(error)
            return
        for one, hits in zip(batch, found, strict=True):
            if not one.found.done():
                one.found.set_result(hits)
