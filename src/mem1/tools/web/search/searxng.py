"""SearXNG, of one's own: ``GET /search?format=json``. It takes no number of results: pages are asked for until k."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mem1.http.errors import BadAnswerError, DeniedError, HttpError, UnavailableError
from mem1.http.service import Keys
from mem1.tools.web.results import SearchResult
from mem1.tools.web.search.base import refused, results_of
from mem1.tools.web.search.service import SearchService

if TYPE_CHECKING:
    from mem1.tools.web.search.config import SearxngConfig

_PAGES = 3


class Searxng(SearchService):
    """A ``SearchProvider``. Engines that did not answer, and no results of others, are a failure, not nothing."""

    def __init__(self, config: SearxngConfig, **parts: Any) -> None:
        super().__init__(config, header="Authorization", prefix="Bearer ", **parts)

    async def search(self, query: str, k: int) -> list[SearchResult]:
        """At most ``k`` results. Raises ``HttpError``."""
        found: list[SearchResult] = []
        for number in range(1, _PAGES + 1):
            asked = {"q": query, "format": "json", "pageno": number, **self.parameters}
            page: list[SearchResult] = await self._get("/search", asked, lambda answer: _read(answer, self._keys))
            known = {one.url for one in found}
            new = [one for one in page if one.url not in known]
            found += new
            if len(found) >= k or not new:
                break
        return [one.model_copy(update={"rank": i}) for i, one in enumerate(found[:k], start=1)]

    def _explain(self, status: int, complaint: str, headers: Mapping[str, str]) -> HttpError | None:
        if status == 403:
            return DeniedError(
                "searxng answered 403: it does not give JSON", hint="in its settings: search.formats: [html, json]"
            )
        return refused(f"searxng answered {status}") if status in (400, 422) else None


def _read(answer: Any, keys: Keys) -> list[SearchResult]:
    if not isinstance(answer, Mapping):
        raise BadAnswerError("searxng answered with something else than results")
    rows = answer.get("results")
    silent = answer.get("unresponsive_engines")
    if rows == [] and silent:
        raise UnavailableError(f"searxng: no engine answered ({len(silent)} failed)", hint="look at its log")
    return results_of(rows, "searxng", 1000, keys, title="title", url="url", snippet="content", date="publishedDate")
