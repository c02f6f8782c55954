"""Calls under way when an engine is closed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from mem1.errors import BackendError
from mem1.inference.pending import PendingCalls


async def forever() -> None:
    await asyncio.Event().wait()


async def seven() -> int:
    return 7


async def wrong() -> None:
    raise ZeroDivisionError


def test_a_call_returns_or_raises_what_it_does() -> None:
    calls = PendingCalls()
    assert asyncio.run(calls.run("s", seven)) == 7
    with pytest.raises(ZeroDivisionError):
        asyncio.run(calls.run("s", wrong))


def test_closing_fails_calls_under_way_and_later_ones() -> None:
    async def go() -> None:
        calls = PendingCalls()
        work = asyncio.create_task(calls.run("mine", forever))
        await asyncio.sleep(0)
        calls.close()
        with pytest.raises(BackendError, match="closed") as caught:
            await work
        assert caught.value.where == "mine"
        with pytest.raises(BackendError, match="closed"):
            await calls.run("later", seven)

    asyncio.run(go())


def test_closing_reaches_calls_of_another_loop() -> None:
    calls, begun = PendingCalls(), threading.Event()
    failed: list[BackendError] = []

    async def go() -> None:
        asyncio.get_running_loop().call_soon(begun.set)
        try:
            await calls.run("s", forever)
        except BackendError as error:
            failed.append(error)

    other = threading.Thread(target=lambda: asyncio.run(go()))
    other.start()
    assert begun.wait(5)
    calls.close()
    other.join(5)
    assert len(failed) == 1


def test_who_cancels_a_call_is_told_nothing_else() -> None:
    async def go() -> None:
        work = asyncio.create_task(PendingCalls().run("s", forever))
        await asyncio.sleep(0)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    asyncio.run(go())
