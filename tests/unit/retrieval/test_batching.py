"""Searches of many tasks become few calls, and each gets its own passages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from mem1.errors import BackendError
from mem1.retrieval.base import Hit
from mem1.retrieval.batching import Batcher
from tests.unit.retrieval.fakes import Ranked


def names(found: list[list[Hit]]) -> list[str]:
    return ["".join(hit.passage.id for hit in hits) for hits in found]


def test_concurrent_searches_go_together() -> None:
    ranked = Ranked(p="ab", q="cd", r="ef")
    batcher = Batcher(ranked.search, most=10, wait=0.01)

    async def main() -> list[list[list[Hit]]]:
        searches = (batcher.search(["p", "q"], 2), batcher.search(["r"], 2), batcher.search(["q"], 1))
        return list(await asyncio.gather(*searches))

    assert [names(found) for found in asyncio.run(main())] == [["ab", "cd"], ["ef"], ["c"]]
    assert sorted(ranked.calls) == [(("p", "q", "r"), 2), (("q",), 1)]  # another top_k is another call


def test_a_full_batch_leaves_at_once_and_the_rest_in_time() -> None:
    ranked = Ranked(**{name: name for name in "abcde"})
    batcher = Batcher(ranked.search, most=2, wait=0.01)
    found = asyncio.run(batcher.search(list("abcde"), 1))
    assert names(found) == list("abcde")
    assert [queries for queries, _ in ranked.calls] == [("a", "b"), ("c", "d"), ("e",)]
    slow = Batcher(ranked.search, most=2, wait=3600.0)  # nobody waits for a timer where the batch is full
    assert names(asyncio.run(slow.search(["a", "b"], 1))) == ["a", "b"]


def test_a_failure_is_for_its_batch_only() -> None:
    async def search(queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        await asyncio.sleep(0)
        if "bad" in queries:
            raise BackendError("down", hint="start it")
        return [[] for _ in queries]

    batcher = Batcher(search, most=2, wait=0.001)

    async def main() -> list[object]:
        searches = (batcher.search(["good", "fine"], 1), batcher.search(["bad", "near"], 1))
        return list(await asyncio.gather(*searches, return_exceptions=True))

    good, bad = asyncio.run(main())
    assert good == [[], []]
    assert isinstance(bad, BackendError)


def test_it_serves_one_event_loop_after_the_other() -> None:
    """A loop that ended while queries waited leaves nothing that the next one would wait for."""
    ranked = Ranked(p="a", q="b")
    batcher = Batcher(ranked.search, most=10, wait=0.01)

    async def given_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(batcher.search(["p"], 1), timeout=0.0)

    asyncio.run(given_up())
    assert names(asyncio.run(batcher.search(["q"], 1))) == ["b"]
    assert ranked.calls == [(("q",), 1)]


def test_nothing_to_search() -> None:
    assert asyncio.run(Batcher(Ranked().search, most=2, wait=0.0).search([], 3)) == []


def test_one_who_leaves_takes_nobody_along() -> None:
    ranked = Ranked(p="a", q="b")
    batcher = Batcher(ranked.search, most=10, wait=0.005)

    async def main() -> list[list[Hit]]:
        leaving = asyncio.create_task(batcher.search(["p"], 1))
        staying = asyncio.create_task(batcher.search(["q"], 1))
        await asyncio.sleep(0)
        leaving.cancel()
        return await staying

    assert names(asyncio.run(main())) == ["b"]
