"""Serper: ``POST /search`` with JSON, the key in ``X-API-KEY``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mem1.http.errors import HttpError
from mem1.tools.web.results import SearchResult
from mem1.tools.web.search.base import denied, plain, refused, results_of, used_up
from mem1.tools.web.search.service import SearchService

if TYPE_CHECKING:
    from mem1.tools.web.search.config import SerperConfig


class Serper(SearchService):
    """A ``SearchProvider``. An answer box counts as the first result."""

    def __init__(self, config: SerperConfig, **parts: Any) -> None:
        super().__init__(config, _explain, header="X-API-KEY", **parts)

    async def search(self, query: str, k: int) -> list[SearchResult]:
        """At most ``k`` results. Raises ``HttpError``."""
        body = {"q": query, "num": k, **self.parameters}
        found: list[SearchResult] = await self._post("/search", body, lambda answer: _read(answer, k))
        return found


def _read(answer: Any, k: int) -> list[SearchResult]:
    values: Mapping[str, Any] = answer if isinstance(answer, Mapping) else {}
    rows = values.get("organic")
    box = values.get("answerBox")
    if isinstance(rows, list) and isinstance(box, Mapping):
        text = plain(box.get("answer")) or plain(box.get("snippet"))
        if text and isinstance(box.get("link"), str):
            rows = [{"title": box.get("title"), "link": box["link"], "snippet": text}, *rows]
    return results_of(rows, "serper", k, title="title", url="link", snippet="snippet", date="date")


def _explain(status: int, complaint: str, headers: Mapping[str, str]) -> HttpError | None:
    what = f"serper answered {status}: {complaint}"
    if status == 400 and "credit" in complaint.lower():
        return used_up(what)
    if status in (401, 403):
        return denied(what)
    return refused(what) if status in (400, 422) else None
