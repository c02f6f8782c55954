"""Requests are taken in whole before anything reads them, within a size and a time."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_LOG = logging.getLogger("mem1.serve")

# What is thrown away of a body that is too large, so that its sender reads the refusal instead of a broken connection.
_DISCARD = 64 << 20
_DISCARD_SECONDS = 5.0


class BoundedBodies:
    """Answers 413 to a body above ``max_body`` bytes, 408 to one slower than ``seconds``; both end the connection."""

    def __init__(self, app: ASGIApp, *, max_body: int, seconds: float) -> None:
        self._app = app
        self._max_body = max_body
        self._seconds = seconds

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
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._whole(receive)
        except TimeoutError:
            await refuse(send, 408, f"the body did not arrive within {self._seconds:g} seconds", close=True)
            return
        if body is None:
            return
        if len(body) > self._max_body:
            await _discard(receive)
            await self._too_large(send)
            return
        await self._app(scope, _replay(body, receive), send)

    async def _whole(self, receive: Receive) -> bytes | None:
        """The body, or as much of it as shows that it is too large; ``None`` if the client left."""
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return None
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_body or not message.get("more_body", False):
                return b"".join(parts)

    async def _too_large(self, send: Send) -> None:
        await refuse(send, 413, f"a request may have {self._max_body} bytes: send fewer queries at a time", close=True)


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


async def refuse(send: Send, status: int, why: str, *, close: bool = False) -> None:
    """Answer with a status and the reason, in the form that FastAPI gives its own."""
    body = json.dumps({"detail": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if close:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
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
