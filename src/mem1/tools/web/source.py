"""The open web as tools of a session: ``search`` and ``open``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any

from mem1.actions.tools import OPEN, SEARCH
from mem1.tools.base import Tool, ToolResult
from mem1.tools.web.results import Failure, SearchResult
from mem1.tools.web.tools import WebTools, place_in
from mem1.types import ToolSpec

_WHOLE = 10**9  # characters: more than any page may have


class Web:
    """A ``ToolSource`` over what ``make`` builds when it is entered, and closes when it is left.

    Args:
        make: Builds search and reader. May raise ``Mem1Error``.
        top_k: Results that a search shows.
        opens: Whether pages can be opened.
        largest: Characters of a page that are given at once; ``None``: all of it.
    """

    def __init__(self, make: Callable[[], WebTools], *, top_k: int, opens: bool, largest: int | None = None) -> None:
        self._make, self._top_k, self._opens, self._largest = make, top_k, opens, largest
        self._tools: WebTools | None = None

    async def __aenter__(self) -> Sequence[Tool]:
        self._tools = self._make()
        search = _Search(self._tools, self._top_k)
        return (search, _Open(self._tools, self._largest or _WHOLE)) if self._opens else (search,)

    @property
    def counts(self) -> Mapping[str, int]:
        """Searches and pages since it was entered, and failures by cause (see ``WebTools.counts``)."""
        return {} if self._tools is None else dict(self._tools.counts)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tools is not None:
            await self._tools.aclose()


class _Search:
    """``search``."""

    spec: ToolSpec = SEARCH.model_copy(update={"description": "search the web; titles, addresses and extracts"})
    changes = False

    def __init__(self, tools: WebTools, top_k: int) -> None:
        self._tools, self._top_k = tools, top_k

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        query = str(arguments["query"])
        found = await self._tools.search(query, self._top_k)
        source = f"web search {query!r}"
        if found.failure is not None:
            return ToolResult(_why("the search failed", found.failure), source, failed=True)
        return ToolResult("\n\n".join(_written(one) for one in found.results) or "Nothing was found.", source)


class _Open:
    """``open``."""

    spec: ToolSpec = OPEN.model_copy(update={"description": "read a page of the web; its address, or address#5000"})
    changes = False

    def __init__(self, tools: WebTools, largest: int) -> None:
        self._tools, self._largest = tools, largest

    async def __call__(self, arguments: dict[str, Any]) -> ToolResult:
        url, start = place_in(str(arguments["url"]))
        opened = await self._tools.open(url, start, self._largest)
        if opened.page is None:
            assert opened.failure is not None
            return ToolResult(_why("the page was not opened", opened.failure), url, failed=True)
        page = opened.page
        more = f"\n(it goes on at {page.final_url}#{page.next_start})" if page.next_start is not None else ""
        text = f"{page.title}\n{page.text}".strip() or "(the page has no text)"
        return ToolResult(f"{text}{more}", page.final_url if not page.start else f"{page.final_url}#{page.start}")


def _written(result: SearchResult) -> str:
    date = f" ({result.date})" if result.date else ""
    return f"{result.rank}. {result.title}{date}\n{result.url}\n{result.snippet}".strip()


def _why(what: str, failure: Failure) -> str:
    return f"{what} ({failure.cause}): {failure.message}"
