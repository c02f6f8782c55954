"""Brave: ``GET /res/v1/web/search``, the key in ``X-Subscription-Token``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mem1.http.errors import BadAnswerError, HttpError, RateLimitError
from mem1.http.service import Keys
from mem1.tools.web.results import SearchResult
from mem1.tools.web.search.base import denied, refused, results_of, used_up
from mem1.tools.web.search.service import SearchService

if TYPE_CHECKING:
    from mem1.tools.web.search.config import BraveConfig

_MOST, _CHARACTERS, _WORDS = 20, 400, 50  # results of a call; what a query may hold


class Brave(SearchService):
    """A ``SearchProvider``. A query is cut to 400 characters and 50 words; at most 20 results come."""

    def __init__(self, config: BraveConfig, **parts: Any) -> None:
        super().__init__(config, header="X-Subscription-Token", **parts)

    async def search(self, query: str, k: int) -> list[SearchResult]:
        """At most ``k`` results. Raises ``HttpError``."""
        words = " ".join(query.split()[:_WORDS])[:_CHARACTERS]
        asked = {"q": words, "count": min(k, _MOST), **self.parameters}
        found: list[SearchResult] = await self._get(
            "/res/v1/web/search", asked, lambda answer: _read(answer, k, self._keys)
        )
        return found

    def _explain(self, status: int, complaint: str, headers: Mapping[str, str]) -> HttpError | None:
        what = f"brave answered {status}: {complaint}"
        if status == 402:
            return used_up(what)
        if status in (401, 403) or (status == 422 and "SUBSCRIPTION_TOKEN" in complaint):
            return denied(what, self._keys)
        if status == 429:
            left, waits = _numbers(headers, "x-ratelimit-remaining"), _numbers(headers, "x-ratelimit-reset")
            if len(left) > 1 and left[-1] == 0:
                return used_up(what)
            return RateLimitError(what, hint=f"lower {self._section}.rate", asked_wait=waits[0] if waits else None)
        return refused(what) if status in (400, 422) else None


def _read(answer: Any, k: int, keys: Keys) -> list[SearchResult]:
    if not isinstance(answer, Mapping):
        raise BadAnswerError("brave answered with something else than results")
    web = answer.get("web", {"results": []})  # an empty answer has none
    rows = web.get("results") if isinstance(web, Mapping) else None
    return results_of(rows, "brave", k, keys, title="title", url="url", snippet="description", date="age")


def _numbers(headers: Mapping[str, str], name: str) -> list[float]:
    """Of a second, then of a month."""
    parts = [part.strip() for part in headers.get(name, "").split(",")]
    return [float(part) for part in parts if part.isascii() and part.isdigit()]
