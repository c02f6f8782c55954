"""A command has one event loop, and everything in it runs there."""

from __future__ import annotations

import asyncio
import signal

import pytest

from mem1.event_loop import command_loop, run_here


async def here() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def test_what_runs_in_a_command_runs_on_one_loop() -> None:
    with command_loop():
        first = run_here(here())
        with command_loop():
            assert run_here(here()) is first
        assert run_here(here()) is first
        assert not first.is_closed()
    assert first.is_closed()
    with command_loop():
        assert run_here(here()) is not first


def test_without_a_command_each_call_has_a_loop_of_its_own() -> None:
    first = run_here(here())
    assert first.is_closed()
    assert run_here(here()) is not first


def test_what_is_pending_lives_on_from_call_to_call_and_ends_with_the_command() -> None:
    async def start() -> asyncio.Task[None]:
        async def last() -> None:
            await asyncio.Event().wait()

        return asyncio.create_task(last())

    with command_loop():
        task = run_here(start())
        run_here(asyncio.sleep(0))
        assert not task.done()
    assert task.cancelled()


def test_an_interruption_is_one_and_leaves_the_loop_usable() -> None:
    async def interrupted() -> None:
        signal.raise_signal(signal.SIGINT)
        await asyncio.sleep(10)

    with command_loop():
        with pytest.raises(KeyboardInterrupt):
            run_here(interrupted())
        assert run_here(asyncio.sleep(0, "on")) == "on"


def test_an_error_ends_the_command_with_its_loop() -> None:
    seen: list[asyncio.AbstractEventLoop] = []

    async def failing() -> None:
        seen.append(await here())
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), command_loop():
        run_here(failing())
    assert seen[0].is_closed()
