"""Bodies are taken in whole, within a size, a time that grows with them, and the memory for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mem1.serving import bodies
from mem1.serving.bodies import BoundedBodies


async def _length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


def app(**limits: Any) -> Starlette:
    numbers = {"max_body": 1000, "seconds": 0.1, **limits}
    return Starlette(routes=[Route("/", _length, methods=["POST"])], middleware=[Middleware(BoundedBodies, **numbers)])


async def pieces(count: int, size: int, pause: float) -> AsyncIterator[bytes]:
    for _ in range(count):
        await asyncio.sleep(pause)
        yield b"x" * size


def post(content: Any, of: Starlette) -> httpx.Response:
    async def work() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=of), base_url="http://localhost") as client:
            return await client.post("/", content=content)

    return asyncio.run(work())


def test_a_body_arrives_whole() -> None:
    assert post(b"x" * 1000, app()).text == "1000"
    assert post(pieces(10, 100, 0.0), app()).text == "1000"


def test_a_slow_body_is_refused() -> None:
    assert post(pieces(10, 1, 0.05), app()).status_code == 408


def test_what_has_arrived_gives_a_body_further_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_RATE", 100)  # each piece below is worth a second
    assert post(pieces(6, 100, 0.05), app()).text == "600"


def test_bodies_in_hand_have_a_bound_together() -> None:
    of = app(max_body=1000, max_held=1500, seconds=5.0)

    async def slowly(pause: float) -> AsyncIterator[bytes]:
        yield b"x" * 900
        await asyncio.sleep(pause)
        yield b"x"

    async def work() -> list[int]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=of), base_url="http://localhost") as client:
            first = asyncio.create_task(client.post("/", content=slowly(0.3)))
            await asyncio.sleep(0.05)
            second = await client.post("/", content=slowly(0.3))
            assert second.headers["retry-after"] == "1"
            return [
                second.status_code,
                (await first).status_code,
                (await client.post("/", content=slowly(0.0))).status_code,
            ]

    assert asyncio.run(work()) == [503, 200, 200]
