"""The two tools, whoever uses them: search and open, with what was found before, and failures that say so."""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urldefrag

from pydantic import ValidationError

from mem1.errors import StorageError, ends_run
from mem1.http import background
from mem1.http.errors import DeniedError, HttpError
from mem1.http.guarded.errors import PageError
from mem1.text import without_tags
from mem1.tools.web.cache import Cache
from mem1.tools.web.pages.reader import PageReader
from mem1.tools.web.results import Document, Failure, Found, Opened, Page, SearchResult
from mem1.tools.web.search.base import QueryRefusedError, SearchProvider
from mem1.types import Record

_LONGEST_QUERY = 2000  # characters
_PAGES = 32  # that are kept at hand
_PLACE = re.compile(r"[0-9]{1,12}")


class WebTools:
    """Search and open, used from any event loop.

    A wrong key, a plan that is used up, a service that is gone and a recording that does not hold what is asked raise
    ``HttpError``: no text of them is ever read by a policy. Any other failure is an outcome, with its cause.

    Args:
        provider: Whom to ask for addresses; ``None`` in a replay.
        reader: Reads pages; ``None``: only those that the provider keeps can be opened.
        cache: ``None``: nothing is remembered.
        name: The provider's name, and
        parameters: what it was asked with, which tell recordings apart.
    """

    def __init__(
        self,
        provider: SearchProvider | None,
        reader: PageReader | None,
        cache: Cache | None,
        *,
        name: str,
        parameters: dict[str, Any],
    ) -> None:
        self._provider, self._reader, self._cache = provider, reader, cache
        self._name, self._parameters = name, parameters
        self._under_way: dict[str, asyncio.Lock] = {}
        self._lately: OrderedDict[str, Document] = OrderedDict()  # pages that may be read on
        self.counts: Counter[str] = Counter()
        """Calls so far: ``searches``, ``pages``, and those that failed, by cause (``pages failed: timeout``)."""

    async def search(self, query: str, k: int = 10) -> Found:
        """At most ``k`` results for ``query``. Raises ``HttpError``, ``StorageError``."""
        return await background.run(self._search(query, k))

    async def open(self, url: str, start: int = 0, max_chars: int = 5000) -> Opened:
        """``max_chars`` characters of the page at ``url``, from ``start``. Raises ``HttpError``, ``StorageError``."""
        return await background.run(self._open(url, start, max_chars))

    async def aclose(self) -> None:
        """Close what is open; on whatever loop, that of the connections among them."""
        await background.run(self._close())

    def close(self) -> None:
        """The same for a caller without a loop. Blocks."""
        background.wait(self._close(), 30.0)

    # ------------------------------------------------------------ on the loop of the connections

    async def _search(self, query: str, k: int) -> Found:
        words = " ".join(unicodedata.normalize("NFC", query).split())[:_LONGEST_QUERY]
        asked = {"provider": self._name, "query": words, "k": k, **self._parameters}

        async def ask() -> Found:
            assert self._provider is not None
            try:
                return Found(results=tuple(await self._provider.search(words, k)))
            except QueryRefusedError:
                return _not_found("request", f"{self._name} does not take this query")
            except HttpError as error:
                if _is_ours(error):
                    raise
                return _not_found("service", f"{self._name} did not answer ({type(error).__name__})")

        found: Found = await self._known("search", asked, ask, Found)
        self._count("searches", found.failure)
        return found.model_copy(update={"results": tuple(_harmless(one) for one in found.results)})

    async def _open(self, url: str, start: int, max_chars: int) -> Opened:
        address = urldefrag(url)[0] if url.isprintable() else url
        document, failure, cached = await self._document(address)
        self._count("pages", failure)
        if document is None:
            assert failure is not None
            return Opened(failure=failure, from_cache=cached)
        total = len(document.text)
        start = max(0, min(start, total))
        end = min(total, start + max(1, max_chars))
        page = Page(
            final_url=without_tags(document.final_url),
            status=document.status,
            title=without_tags(document.title),
            text=without_tags(document.text[start:end]),
            start=start,
            total_chars=total,
            next_start=end if end < total else None,
            content_type=document.content_type,
            fetched_at=document.fetched_at,
            from_cache=cached,
        )
        return Opened(page=page, from_cache=cached)

    def _count(self, what: str, failure: Failure | None) -> None:
        self.counts[what] += 1
        if failure is not None:
            self.counts[f"{what} failed: {failure.cause}"] += 1

    async def _document(self, url: str) -> tuple[Document | None, Failure | None, bool]:
        async def ask() -> _Read:
            kept = self._provider.page(url) if self._provider is not None else None
            if kept is not None:
                return _Read(document=kept)
            if self._reader is None:
                return _Read(failure=Failure(cause="missing", message="there is no such page here"))
            try:
                return _Read(document=await self._reader.read(url))
            except PageError as error:
                return _Read(failure=Failure(cause=error.reason, message=error.what))

        if url in self._lately:
            self._lately.move_to_end(url)
            return self._lately[url], None, True
        found = await self._known("page", {"url": url}, ask, _Read)
        if found.document is not None:
            self._lately[url] = found.document
            while len(self._lately) > _PAGES:
                self._lately.popitem(last=False)
        return found.document, found.failure, found.from_cache

    async def _known(self, kind: str, asked: dict[str, Any], ask: Callable[[], Awaitable[Any]], form: type[Any]) -> Any:
        """What the cache has, else what ``ask`` brings; asked once, however many want it at the same time."""
        if self._cache is None:
            return await ask()
        key = f"{kind} {sorted(asked.items())}"
        lock = self._under_way.setdefault(key, asyncio.Lock())
        try:
            async with lock:
                kept = self._cache.get(kind, asked)
                if kept is not None:
                    return self._as(form, kept, from_cache=True)
                found = await ask()
                values = found.model_dump(mode="json", exclude={"from_cache"})
                kept = self._cache.put(kind, asked, values, failed=found.failure is not None)
                return self._as(form, kept, from_cache=False)
        finally:
            if not lock.locked():
                self._under_way.pop(key, None)

    def _as(self, form: type[Any], kept: dict[str, Any], *, from_cache: bool) -> Any:
        try:
            return form.model_validate(kept | {"from_cache": from_cache})
        except ValidationError as error:
            assert self._cache is not None
            raise StorageError(
                "the recording holds something that is no outcome",
                where=str(self._cache.path),
                hint="record it anew",
            ) from error

    async def _close(self) -> None:
        if self._provider is not None:
            await self._provider.close()
        if self._reader is not None:
            await self._reader.close()
        if self._cache is not None:
            self._cache.close()


class _Read(Record):
    """What is kept of a page: all of it, or why there is none."""

    document: Document | None = None
    failure: Failure | None = None
    from_cache: bool = False


def place_in(url: str) -> tuple[str, int]:
    """An address and where to begin: ``url#5000``, as a result of ``open`` says it."""
    address, _, place = url.strip().rpartition("#")
    return (address, int(place)) if address and _PLACE.fullmatch(place) else (url.strip(), 0)


def _is_ours(error: HttpError) -> bool:
    """Whether it is our doing and not the web's: to be mended, not to be read by a policy."""
    return ends_run(error) or isinstance(error, DeniedError)


def _not_found(cause: Any, message: str) -> Found:
    return Found(failure=Failure(cause=cause, message=message))


def _harmless(result: SearchResult) -> SearchResult:
    return result.model_copy(
        update={key: without_tags(getattr(result, key)) for key in ("title", "url", "snippet")}
        | {"date": None if result.date is None else without_tags(result.date)}
    )
