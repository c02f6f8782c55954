"""Tavily: ``POST /search`` with JSON, the key as bearer. Without a key it is not asked at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mem1.http.errors import HttpError
from mem1.http.service import Keys
from mem1.tools.web.results import SearchResult
from mem1.tools.web.search.base import denied, refused, results_of, used_up
from mem1.tools.web.search.service import SearchService

if TYPE_CHECKING:
    from mem1.tools.web.search.config import TavilyConfig

_MOST = 20


class Tavily(SearchService):
    """A ``SearchProvider``; at most 20 results come."""

    def __init__(self, config: TavilyConfig, **parts: Any) -> None:
        super().__init__(config, header="Authorization", prefix="Bearer ", **parts)

    async def search(self, query: str, k: int) -> list[SearchResult]:
        """At most ``k`` results. Raises ``HttpError``."""
        body = {"query": query, "max_results": min(k, _MOST), **self.parameters}
        found: list[SearchResult] = await self._post("/search", body, lambda answer: _read(answer, k, self._keys))
        return found

    def _explain(self, status: int, complaint: str, headers: Mapping[str, str]) -> HttpError | None:
        what = f"tavily answered {status}: {complaint}"
        if status in (432, 433):
            return used_up(what)
        if status in (401, 403):
            return denied(what, self._keys)
        return refused(what) if status in (400, 422) else None


def _read(answer: Any, k: int, keys: Keys) -> list[SearchResult]:
    rows = answer.get("results") if isinstance(answer, Mapping) else None
    return results_of(rows, "tavily", k, keys, title="title", url="url", snippet="content", date="published_date")
