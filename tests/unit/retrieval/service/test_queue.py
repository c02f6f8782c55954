"""Requests share calls of the retriever, and nothing else."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from mem1.errors import BackendError
from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.service.queue import BusyError, SearchQueue


class Gate:
    """A retriever that answers each query with itself, waits at a gate when told to, and keeps its calls."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.open.set()
        self.calls: list[tuple[tuple[str, ...], int]] = []
        self.threads: set[str] = set()
        self.closed = False

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        self.calls.append((tuple(queries), top_k))
        self.threads.add(threading.current_thread().name)
        self.open.wait(5)
        if "poison" in queries:
            raise BackendError("cannot do that")
        if "liar" in queries:
            return []
        return [[Hit(passage=Passage(id=query, title="", text=query), score=float(top_k))] for query in queries]

    async def close(self) -> None:
        self.closed = True


def queue_of(gate: Gate, *, batch: int = 8, lanes: int = 1, max_waiting: int = 16) -> SearchQueue:
    return SearchQueue(gate, batch=batch, lanes=lanes, max_waiting=max_waiting)


def ids(found: list[list[Hit]]) -> list[str]:
    return [hits[0].passage.id for hits in found]


async def begun(gate: Gate, calls: int) -> None:
    while len(gate.calls) < calls:
        await asyncio.sleep(0.001)


def test_what_arrives_during_a_search_is_searched_together() -> None:
    async def scenario() -> None:
        gate = Gate()
        gate.open.clear()
        batch = queue_of(gate)
        first = asyncio.create_task(batch.search(["a"], 3))
        await begun(gate, 1)
        others = [asyncio.create_task(batch.search([name, name + name], 3)) for name in ("b", "c", "d")]
        await asyncio.sleep(0.02)
        assert batch.in_hand == 4, "the loop is free while the retriever works"
        gate.open.set()
        assert [ids(found) for found in await asyncio.gather(first, *others)] == [
            ["a"],
            ["b", "bb"],
            ["c", "cc"],
            ["d", "dd"],
        ]
        assert gate.calls == [(("a",), 3), (("b", "bb", "c", "cc", "d", "dd"), 3)]
        assert gate.threads == {"mem1-search"}
        await batch.close()
        assert gate.closed
        assert batch.in_hand == 0

    asyncio.run(scenario())


def test_a_large_request_does_not_make_a_small_one_wait_for_all_of_it() -> None:
    async def scenario() -> None:
        gate = Gate()
        gate.open.clear()
        batch = queue_of(gate, batch=2)
        large = asyncio.create_task(batch.search(list("abcdef"), 1))
        await asyncio.sleep(0.02)  # its first part is being searched for
        small = asyncio.create_task(batch.search(["x"], 1))
        await asyncio.sleep(0.02)
        gate.open.set()
        assert ids(await small) == ["x"]
        assert ids(await large) == list("abcdef")
        assert gate.calls == [(("a", "b"), 1), (("c", "d"), 1), (("x", "e"), 1), (("f",), 1)]
        await batch.close()

    asyncio.run(scenario())


def test_calls_hold_one_top_k_and_no_more_than_the_batch() -> None:
    async def scenario() -> None:
        gate = Gate()
        gate.open.clear()
        batch = queue_of(gate, batch=2)
        asks = [("a", 1), ("b", 1), ("c", 1), ("d", 5), ("e", 1)]
        tasks = [asyncio.create_task(batch.search([name], top_k)) for name, top_k in asks]
        large = asyncio.create_task(batch.search(list("fghij"), 1))
        await asyncio.sleep(0.02)
        gate.open.set()
        assert [(await task)[0][0].score for task in tasks] == [1.0, 1.0, 1.0, 5.0, 1.0]
        assert ids(await large) == list("fghij")
        assert gate.calls == [
            (("a", "b"), 1),
            (("c",), 1),
            (("d",), 5),
            (("e", "f"), 1),
            (("g", "h"), 1),
            (("i", "j"), 1),
        ]
        await batch.close()

    asyncio.run(scenario())


def test_a_query_that_fails_fails_alone() -> None:
    async def scenario() -> None:
        gate = Gate()
        gate.open.clear()
        batch = queue_of(gate)
        tasks = [asyncio.create_task(batch.search([name], 3)) for name in ("a", "b", "poison", "c", "liar")]
        await asyncio.sleep(0.02)
        gate.open.set()
        done = await asyncio.gather(*tasks, return_exceptions=True)
        assert [ids(one) for one in done if isinstance(one, list)] == [["a"], ["b"], ["c"]]
        assert [str(one) for one in done if isinstance(one, BackendError)] == [
            "cannot do that",
            "the retriever gave 0 lists of hits for 1 queries\n  hint:  mend the retriever",
        ]
        await batch.close()

    asyncio.run(scenario())


def test_who_gave_up_waiting_is_not_searched_for() -> None:
    async def scenario() -> None:
        gate = Gate()
        gate.open.clear()
        batch = queue_of(gate)
        first = asyncio.create_task(batch.search(["a"], 3))
        await begun(gate, 1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batch.search(["late"], 3), 0.02)
        gate.open.set()
        await first
        assert ids(await batch.search(["b"], 3)) == ["b"]
        assert gate.calls == [(("a",), 3), (("b",), 3)]
        await batch.close()

    asyncio.run(scenario())


def test_too_many_are_put_off_and_later_ones_are_not() -> None:
    async def scenario() -> None:
        gate = Gate()
        gate.open.clear()
        batch = queue_of(gate, max_waiting=2)
        tasks = [asyncio.create_task(batch.search([name], 3)) for name in "ab"]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="2 requests wait already"):
            await batch.search(["c"], 3)
        gate.open.set()
        await asyncio.gather(*tasks)
        assert ids(await batch.search(["c"], 3)) == ["c"]
        await batch.close()

    asyncio.run(scenario())
