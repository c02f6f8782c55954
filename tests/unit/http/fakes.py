"""The network and the clock, in tests of clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx

Handler = Callable[[httpx.Request], httpx.Response]


class Network(httpx.AsyncBaseTransport):
    """Answers by ``handler``, the body in pieces of ``piece`` bytes, as they would come over a wire."""

    def __init__(self, handler: Handler, piece: int = 2**16) -> None:
        self._handler = handler
        self._piece = piece

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        answer = self._handler(request)
        assert isinstance(answer.stream, httpx.SyncByteStream)
        raw, piece = b"".join(answer.stream), self._piece  # as it is packed

        class Body(httpx.AsyncByteStream):
            async def __aiter__(self) -> AsyncIterator[bytes]:
                for start in range(0, len(raw), piece):
                    yield raw[start : start + piece]

        return httpx.Response(answer.status_code, headers=answer.headers, stream=Body())


def noting(pauses: list[float]) -> Callable[[float], Awaitable[None]]:
    """Takes the place of sleeping: notes the pause and makes none."""

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    return sleep
