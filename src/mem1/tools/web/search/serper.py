"""Serper: ``POST /search`` with JSON, the key in ``X-API-KEY``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mem1.http.errors import HttpError
from mem1.http.service import Keys
from mem1.tools.web.results import SearchResult
from mem1.tools.web.search.base import denied, plain, refused, results_of, used_up
from mem1.tools.web.search.service import SearchService

if TYPE_CHECKING:
    from mem1.tools.web.search.config import SerperConfig


class Serper(SearchService):
    """A ``SearchProvider``. An answer box counts as the first result."""

    def __init__(self, config: SerperConfig, **parts: Any) -> None:
        super().__init__(config, header="X-API-KEY", **parts)

    async def search(self, query: str, k: int) -> list[SearchResult]:
        """At most ``k`` results. Raises ``HttpError``."""
        body = {"q": query, "num": k, **self.parameters}
        found: list[SearchResult] = await self._post("/search", body, lambda answer: _read(answer, k, self._keys))
        return found

    def _explain(self, status: int, complaint: str, headers: Mapping[str, str]) -> HttpError | None:
        what = f"serper answered {status}: {complaint}"
        if status == 400 and "credit" in complaint.lower():
            return used_up(what)
        if status in (401, 403):
            return denied(what, self._keys)
        return refused(what) if status in (400, 422) else None


def _read(answer: Any, k: int, keys: Keys) -> list[SearchResult]:
    values: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {}
    rows = values.get("organic")
    box = values.get("answerBox")
    if isinstance(rows, list) and isinstance(box, Mapping):
        text = plain(box.get("answer")) or plain(box.get("snippet"))
        if text and isinstance(box.get("link"), str):
            rows = [{"title": box.get("title"), "link": box["link"], "snippet": text}, *rows]
    return results_of(rows, "serper", k, keys, title="title", url="link", snippet="snippet", date="date")
