"""Pages from public hosts: GET without a key, a cookie, a proxy or a name of ours in the address; redirects by hand.

The pool of connections is used directly, so that nothing follows a redirect, keeps a cookie or reads a proxy from the
environment; every connection is opened by ``GuardedNetwork``.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpcore
import httpx

from mem1.http.body import read_body
from mem1.http.errors import BadAnswerError, TooLargeError
from mem1.http.guarded.errors import PageError
from mem1.http.guarded.network import GuardedNetwork, Resolve, system_resolve
from mem1.http.guarded.urls import Allowed, checked_url, next_url
from mem1.http.logs import redact_logs
from mem1.http.retrying import asked_wait, pause

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
Permit = Callable[[httpx.URL], Awaitable[None]]
"""Asked before each request, that of a redirect too; raises ``PageError`` where it is not to be made."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """How pages are fetched. Seconds: to connect, between two bytes, for all of one page (redirects and tries too).

    ``limit``: bytes of a body, unpacked. ``per_host``: requests of one host at the same time. ``retries`` after 429 and
    5xx, ``first_wait`` seconds before the first, doubling. ``agent`` is the user agent.
    """

    connect: float = 5.0
    read: float = 10.0
    total: float = 20.0
    limit: int = 2_000_000
    redirects: int = 5
    per_host: int = 2
    connections: int = 16
    retries: int = 2
    first_wait: float = 0.5
    agent: str = "mem1"
    allowed: Allowed = field(default_factory=Allowed)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A body with status 2xx; ``url`` is where it came from in the end, ``content_type`` what the header said."""

    url: str
    status: int
    content_type: str
    body: bytes


class PageClient:
    """Fetches what anybody may have written the address of. Used on one event loop (``http.background``)."""

    def __init__(self, how: Fetch, *, resolve: Resolve = system_resolve) -> None:
        redact_logs()
        self._how = how
        self._hosts: dict[str, _Host] = {}
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=ssl.create_default_context(),
            max_connections=how.connections,
            max_keepalive_connections=how.connections,
            keepalive_expiry=5.0,
            network_backend=GuardedNetwork(how.allowed, resolve),
        )

    async def get(
        self,
        text: str,
        *,
        types: Collection[str] | None = None,
        permit: Permit | None = None,
        cut: bool = False,
    ) -> Fetched:
        """The page at ``text``.

        ``types``: kinds of content that are read (``None``: any); a page that names none is read. ``cut``: of a body
        beyond the limit its beginning is kept. Raises ``PageError``, and nothing of the libraries.
        """
        failed: PageError
        try:
            async with asyncio.timeout(self._how.total):
                return await self._follow(checked_url(text, self._how.allowed), types, permit, cut)
        except TimeoutError:
            failed = PageError(f"the page did not come within {self._how.total:g} s", reason="timeout")
        raise failed

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.aclose()

    async def _follow(self, url: httpx.URL, types: Collection[str] | None, permit: Permit | None, cut: bool) -> Fetched:
        seen: set[str] = set()
        for _ in range(self._how.redirects + 1):
            if str(url) in seen:
                raise PageError("the page sends on in a circle", reason="redirect")
            seen.add(str(url))
            if permit is not None:
                await permit(url)
            found = await self._patiently(url, types, cut)
            if isinstance(found, Fetched):
                return found
            url = next_url(url, found, self._how.allowed)
        raise PageError(f"the page sends on more than {self._how.redirects} times", reason="redirect")

    async def _patiently(self, url: httpx.URL, types: Collection[str] | None, cut: bool) -> Fetched | str:
        attempt = 0
        while True:
            try:
                async with self._place(url.raw_host.decode("ascii")):
                    return await self._once(url, types, cut)
            except PageError as error:
                if not error.again or attempt >= self._how.retries or (error.asked_wait or 0) >= self._how.total:
                    raise
                wait = pause(
                    attempt,
                    first=self._how.first_wait,
                    longest=self._how.total,
                    asked=error.asked_wait,
                    chance=random.random(),
                )
            await asyncio.sleep(wait)
            attempt += 1

    async def _once(self, url: httpx.URL, types: Collection[str] | None, cut: bool) -> Fetched | str:
        """One request: a page, or the address that it sends on to."""
        how, failed = self._how, ""
        limits = {"connect": how.connect, "read": how.read, "write": how.read, "pool": how.total}
        headers = [
            (b"Host", url.netloc),
            (b"User-Agent", how.agent.encode("ascii")),
            (b"Accept", b"text/html, application/xhtml+xml, text/plain, application/pdf;q=0.9, */*;q=0.1"),
            (b"Accept-Encoding", b"gzip"),
        ]
        target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        reason: str = "connection"
        try:
            async with self._pool.stream("GET", target, headers=headers, extensions={"timeout": limits}) as response:
                return await self._read(url, response, types, cut)
        except (httpcore.TimeoutException, TimeoutError):
            failed, reason = f"no answer within {how.read:g} s", "timeout"
        except (httpcore.ProtocolError, httpcore.NetworkError, httpcore.UnsupportedProtocol, OSError) as error:
            failed = f"the connection failed ({type(error).__name__})"
        except (UnicodeError, ValueError) as error:
            failed = f"the answer is no HTTP ({type(error).__name__})"
        if reason == "timeout":
            raise PageError(failed, reason="timeout")
        raise PageError(failed, reason="connection")

    async def _read(
        self, url: httpx.URL, response: httpcore.Response, types: Collection[str] | None, cut: bool
    ) -> Fetched | str:
        headers = _headers(response.headers)
        status = response.status
        if status in _REDIRECTS:
            return headers.get("location", "")
        if not 200 <= status < 300:
            raise _status_error(status, headers)
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if types is not None and kind and kind not in types:
            raise PageError("it is of a kind that is not read", reason="type")
        chunks = response.stream
        assert not isinstance(chunks, bytes)
        try:
            body = await read_body(chunks, headers.get("content-encoding", ""), self._how.limit, cut=cut)  # type: ignore[arg-type]
        except TooLargeError:
            raise PageError(f"it is larger than {self._how.limit:,} bytes", reason="size") from None
        except BadAnswerError:
            raise PageError("it is packed in a way that was not asked for, or damaged", reason="encoding") from None
        return Fetched(str(url), status, headers.get("content-type", ""), body)

    @asynccontextmanager
    async def _place(self, host: str) -> AsyncIterator[None]:
        """One of the places for requests of ``host``."""
        found = self._hosts.setdefault(host, _Host(asyncio.Semaphore(self._how.per_host)))
        found.users += 1
        try:
            async with found.places:
                yield
        finally:
            found.users -= 1
            if not found.users:
                self._hosts.pop(host, None)


@dataclass(slots=True)
class _Host:
    places: asyncio.Semaphore
    users: int = 0


def _headers(raw: list[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """By lower-case name; what comes several times is joined as HTTP says, and is one text of Latin-1."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _status_error(status: int, headers: Mapping[str, str]) -> PageError:
    what = f"the site answered {status}"
    if status == 429:
        return PageError(what, reason="rate", asked_wait=asked_wait(headers))
    if status in (404, 410):
        return PageError(what, reason="missing")
    if status >= 500:
        return PageError(what, reason="server", asked_wait=asked_wait(headers))
    return PageError(what, reason="status")
