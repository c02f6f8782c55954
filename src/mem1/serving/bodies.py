"""Requests are taken in whole before anything reads them, within a size and a time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("mem1.serve")

# What is thrown away of a body that is too large, so that its sender reads the refusal instead of a broken connection.
_DISCARD = 64 << 20
_DISCARD_SECONDS = 5.0


_RATE = 1 << 15  # bytes a second that a body must at least arrive with, once ``seconds`` are over


class BoundedBodies:
    """Answers 413 to a body above ``max_body`` bytes, 408 to one slower than ``seconds``; both end the connection.

    What has arrived gives a body further time, a second for every 32 KiB. 503 is the answer where all bodies in hand
    come to more than ``max_held`` bytes.
    """

    def __init__(self, app: ASGIApp, *, max_body: int, seconds: float, max_held: int = 1 << 28) -> None:
        self._app = app
        self._max_body = max_body
        self._seconds = seconds
        self._max_held = max_held
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if _announced(headers) > self._max_body:
            if b"expect" not in headers:  # whoever expects "100 Continue" has not begun to send
                await _discard(receive)
            await self._too_large(send)
            return
        held = _Held()
        try:
            await self._serve(scope, receive, send, held)
        finally:
            self._held -= held.size

    async def _serve(self, scope: Scope, receive: Receive, send: Send, held: _Held) -> None:
        try:
            body = await self._whole(receive, held)
        except TimeoutError:
            await refuse(send, 408, f"the body did not arrive within {self._seconds:g} seconds", close=True)
            return
        except MemoryError:
            self._held, held.size = self._held - held.size, 0  # what is thrown away takes no room from others
            await _discard(receive)
            why = f"the requests in hand hold {self._max_held} bytes: try again"
            await refuse(send, 503, why, headers={"retry-after": "1"}, close=True)
            return
        if body is None:
            return
        if len(body) > self._max_body:
            await _discard(receive)
            await self._too_large(send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _whole(self, receive: Receive, held: _Held) -> bytes | None:
        """The body, or as much of it as shows that it is too large; ``None`` if the client left.

        Raises ``TimeoutError``, and ``MemoryError`` where there is no room for it.
        """
        parts: list[bytes] = []
        began = asyncio.get_running_loop().time()
        while True:
            async with asyncio.timeout_at(began + self._seconds + held.size / _RATE):
                message = await receive()
            if message["type"] != "http.request":
                return None
            parts.append(message.get("body", b""))
            held.size += len(parts[-1])
            self._held += len(parts[-1])
            if held.size > self._max_body or not message.get("more_body", False):
                return b"".join(parts)
            if self._held > self._max_held:
                raise MemoryError

    async def _too_large(self, send: Send) -> None:
        await refuse(send, 413, f"a request may have {self._max_body} bytes: send fewer queries at a time", close=True)


@dataclass(slots=True)
class _Held:
    """How many bytes of a request's body are in memory."""

    size: int = 0


class Counted:
    """Tells ``count`` the path and status (0: the client left) of each request; what raises gives 500."""

    def __init__(self, app: ASGIApp, *, count: Callable[[str, int], None]) -> None:
        self._app = app
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception:
            _LOG.exception("a request failed: %s", scope["path"])
            if status:
                raise
            await refuse(watched, 500, "the server made a mistake; its log says which")
        finally:
            self._count(scope["path"], status)


async def refuse(
    send: Send, status: int, why: str, *, headers: Mapping[str, str] | None = None, close: bool = False
) -> None:
    """Answer with a status and the reason as ``{"detail": reason}``."""
    body = json.dumps({"detail": why}).encode()
    all_headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    all_headers += [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    if close:
        all_headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": all_headers})
    await send({"type": "http.response.body", "body": body})


def _announced(headers: Mapping[bytes, bytes]) -> int:
    """The length in the header, 0 where there is none; h11 has refused what is no number."""
    return int(headers.get(b"content-length", b"0"))


async def _discard(receive: Receive) -> None:
    """Read on and throw away, until the end of the body or the patience."""
    size = 0
    try:
        async with asyncio.timeout(_DISCARD_SECONDS):
            while size < _DISCARD:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _replay(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives the body in one piece, then what the real one gives (that the client left)."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
