"""What is entered on the loop of the connections is left there too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from mem1.http import background


def test_what_is_entered_and_left_lives_on_the_loop_of_the_connections() -> None:
    seen: list[tuple[str, bool]] = []

    def note(what: str) -> None:
        seen.append((what, asyncio.get_running_loop() is background.loop()))

    @asynccontextmanager
    async def open_() -> AsyncIterator[str]:
        note("entered")
        yield "what it gives"
        note("left")

    given, leave = background.enter(open_())
    assert (given, seen) == ("what it gives", [("entered", True)])
    leave()
    assert seen == [("entered", True), ("left", True)]


def test_what_cannot_be_entered_says_so() -> None:
    class Broken(AbstractAsyncContextManager[None]):
        async def __aenter__(self) -> None:
            raise OSError("no room")

        async def __aexit__(self, *error: object) -> None:
            """It was never entered."""

    with pytest.raises(OSError, match="no room"):
        background.enter(Broken())
