"""What a site wants of programs (robots.txt, RFC 9309), asked through the same guard as its pages."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from mem1.http.guarded.client import PageClient
from mem1.http.guarded.errors import PageError

_KEPT = 24 * 3600.0  # seconds that an answer is believed; RFC 9309, 2.4
_KEPT_FAILURE = 60.0
_MOST = 1000  # sites
Rules = Callable[[str], bool]
"""address -> whether it may be fetched"""
ReadRules = Callable[[str], Rules]
"""the text of a robots.txt -> its rules, for us"""


@dataclass(slots=True)
class _Known:
    allows: Rules
    until: float


class Robots:
    """Asks a site once, then remembers. No file (4xx) allows all; a site that fails (5xx, no answer) denies all.

    Args:
        client: Reads the beginning of a file that is too long.
        read: Makes rules of a text (``tools/web/pages/reader.py``).
    """

    def __init__(self, client: PageClient, read: ReadRules) -> None:
        self._client, self._read = client, read
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Known]] = {}

    async def permit(self, url: httpx.URL) -> None:
        """Raise ``PageError`` ("robots") where the site does not want ``url`` fetched."""
        if url.path == "/robots.txt":
            return
        site = f"{url.scheme}://{url.netloc.decode('ascii')}"
        known = self._known.get(site)
        if known is None or known.until < time.monotonic():
            known = await self._once(site, lambda: self._ask(site))
            self._known[site] = known
            while len(self._known) > _MOST:
                self._known.popitem(last=False)
        if not known.allows(str(url)):
            raise PageError("the site does not want it to be read by programs (robots.txt)", reason="robots")

    async def _once(self, site: str, ask: Callable[[], Awaitable[_Known]]) -> _Known:
        """The answer of one question, however many ask it at the same time."""
        asked = self._asking.get(site)
        if asked is None:
            asked = asyncio.ensure_future(ask())
            assert asked is not None
            self._asking[site] = asked
            asked.add_done_callback(lambda _: self._asking.pop(site, None))
        return await asyncio.shield(asked)

    async def _ask(self, site: str) -> _Known:
        now = time.monotonic()
        try:
            found = await self._client.get(f"{site}/robots.txt", cut=True)
        except PageError as error:
            # Where the site itself is not on the public network its page is refused in its turn.
            gone = error.reason in ("missing", "status", "redirect", "address")
            return _Known(lambda url: gone, now + (_KEPT if gone else _KEPT_FAILURE))
        return _Known(self._read(found.body.decode("utf-8-sig", "replace")), now + _KEPT)
