"""From an address to a document: robots.txt, the page, its encoding, its text."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable

from mem1.http.guarded.client import Fetched, PageClient
from mem1.http.guarded.errors import PageError
from mem1.http.guarded.network import Resolve, system_resolve
from mem1.http.guarded.robots import Robots
from mem1.text import spelled_out, well_formed
from mem1.tools.web.pages.charset import decode
from mem1.tools.web.pages.config import PagesConfig
from mem1.tools.web.pages.extract import Extractor
from mem1.tools.web.results import Document

HTML = frozenset({"text/html", "application/xhtml+xml"})
PDF = frozenset({"application/pdf", "application/x-pdf"})
PLAIN = frozenset({"text/plain", "text/markdown", "text/csv", "text/xml", "application/xml", "application/json"})
_MOST = 2_000_000  # characters of a document's text
_BLANK_LINES = re.compile(r"\n{3,}")


class PageReader:
    """Reads pages as ``config`` says. Used on one event loop (``http.background``).

    ``resolve`` and ``clock`` take the place of the system's in tests.
    """

    def __init__(
        self,
        config: PagesConfig,
        *,
        resolve: Resolve = system_resolve,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._extractor = Extractor(seconds=config.reading, pages=config.pdf_pages, readers=config.readers)
        self._client = PageClient(config.fetch, resolve=resolve)
        self._robots = Robots(self._client, lambda text: rules(text, config.agent)) if config.robots else None
        self._reading = asyncio.Semaphore(config.readers)
        self._clock = clock

    async def read(self, url: str) -> Document:
        """The document at ``url``. Raises ``PageError``."""
        permit = self._robots.permit if self._robots is not None else None
        fetched = await self._client.get(url, types=HTML | PDF | PLAIN, permit=permit)
        async with self._reading:  # no more threads than readers: the resolver needs threads too
            title, text = await asyncio.to_thread(self._text, fetched)
        text = _tidy(text)
        if not text:
            raise PageError("the page holds no text", reason="text")
        return Document(
            final_url=fetched.url,
            status=fetched.status,
            title=" ".join(_tidy(title).split())[:300],
            text=text[:_MOST],
            content_type=_kind(fetched),
            fetched_at=self._clock(),
        )

    async def close(self) -> None:
        """Close the connections and end the readers."""
        await self._client.close()
        self._extractor.close()

    def _text(self, fetched: Fetched) -> tuple[str, str]:
        kind = _kind(fetched)
        if kind == "application/pdf":
            return self._extractor.pdf(fetched.body)
        text = decode(fetched.body, fetched.content_type)
        if kind in PLAIN:
            return "", text
        return self._extractor.html(text)


def _kind(fetched: Fetched) -> str:
    """What it is: a PDF is one whatever the header says, and what says nothing is a page."""
    if fetched.body[:1024].lstrip().startswith(b"%PDF-"):
        return "application/pdf"
    stated = fetched.content_type.partition(";")[0].strip().lower()
    if stated in PDF:
        raise PageError("the page is no PDF although it says so", reason="text")
    return stated or "text/html"


def _tidy(text: str) -> str:
    """Well-formed, unseen characters spelled out, no runs of empty lines."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", "\n")
    lines = (line.rstrip() for line in spelled_out(well_formed(text)).split("\n"))
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip()


def rules(text: str, agent: str) -> Callable[[str], bool]:
    """The rules of a robots.txt for the program that calls itself ``agent``."""
    from protego import Protego

    rules = Protego.parse(text)

    def allows(url: str) -> bool:
        try:
            return bool(rules.can_fetch(url, agent))
        except ValueError:
            return False

    return allows
