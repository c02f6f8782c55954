"""The network and the clock, in tests of clients; and small servers."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from mem1.http.client import HttpClient
from mem1.http.secret import Secret
from mem1.http.service import Keys, Service

KEY = "sk-test-0123456789-abcdef"
SERVICE = Service(
    "the server",
    "http://server/v1",
    Keys("url", "key_env", "timeouts", "slots", "retries"),
    retries=2,
    first_wait=0.001,
    longest_wait=10.0,
)

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


def client(handler: Handler, pauses: list[float] | None = None, **settings: Any) -> HttpClient:
    service = replace(SERVICE, **settings)
    sleep = noting(pauses if pauses is not None else [])
    return HttpClient(service, Secret("KEY", KEY), transport=Network(handler), sleep=sleep)


def call(found: HttpClient, body: object = None) -> Any:
    return asyncio.run(found.call("/x", body, lambda answer: answer))[0]


def answer(body: object = None, status: int = 200, **headers: str) -> Handler:
    return lambda request: httpx.Response(status, json=body, headers=headers)


def in_turn(*answers: httpx.Response | Exception) -> Handler:
    left = list(answers)

    def handler(request: httpx.Request) -> httpx.Response:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return handler


@contextmanager
def served(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[str]]]:
    """A real server; its address, and the authorization headers that it was sent."""
    seen: list[str] = []

    class Talk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                respond(self)
            except OSError:
                self.close_connection = True

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()


def at(url: str, **settings: Any) -> HttpClient:
    return HttpClient(replace(SERVICE, url=url, **settings), Secret("KEY", KEY))
