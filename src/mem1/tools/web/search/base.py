"""What a search provider is, and what all of them have in common."""

from __future__ import annotations

import asyncio
import html
import re
import time
from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from mem1.http.errors import BadAnswerError, DeniedError, QuotaError, RefusedError
from mem1.http.service import Keys
from mem1.tools.web.results import Document, SearchResult

_REFUSED = "see what the service says about the query"
_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")


class QueryRefusedError(RefusedError):
    """The service refuses this query, and serves others: what was searched for is at fault."""

    taken = True


@runtime_checkable
class SearchProvider(Protocol):
    """Finds addresses for words. Called on the loop of the connections or any other; safe for many calls at once."""

    @property
    def name(self) -> str:
        """What results say of their origin."""

    @property
    def parameters(self) -> dict[str, Any]:
        """Everything beside query and ``k`` that changes what is found: recordings are told apart by it."""

    async def search(self, query: str, k: int) -> list[SearchResult]:
        """At most ``k`` results. Raises ``HttpError``; no results is an empty list."""

    def page(self, url: str) -> Document | None:
        """A page that the provider itself keeps, ``None`` where it keeps none at ``url``."""

    async def close(self) -> None:
        """Close the connections."""


def keys_in(section: str) -> Keys:
    """What the keys of a provider are called whose settings are ``section`` ("env.search")."""
    return Keys(
        url=f"{section}.base_url",
        key=f"{section}.key_env",
        patience=f"{section}.timeout",
        slots=f"{section}.connections",
        retries=f"{section}.retries",
        refused=_REFUSED,
    )


class Pace:
    """At most ``rate`` calls a second, ``burst`` at once (a token bucket); ``None``: as many as come."""

    def __init__(self, rate: float | None, burst: int = 1) -> None:
        self._rate, self._burst = rate, burst
        self._tokens, self._since = float(burst), time.monotonic()

    async def wait(self) -> None:
        """Wait for a place."""
        if self._rate is None:
            return
        now = time.monotonic()
        self._tokens = min(float(self._burst), self._tokens + (now - self._since) * self._rate)
        self._since = now
        self._tokens -= 1.0  # below 0: who comes later waits longer
        if self._tokens < 0:
            await asyncio.sleep(-self._tokens / self._rate)


def plain(text: object) -> str:
    """A title or snippet without markup and entities, on one line; empty for what is no text."""
    if not isinstance(text, str):
        return ""
    return " ".join(html.unescape(_TAGS.sub("", text)).split())


def results_of(
    rows: object, provider: str, k: int, keys: Keys, *, title: str, url: str, snippet: str, date: str
) -> list[SearchResult]:
    """The first ``k`` usable of ``rows``, whose names of columns are given; rows without an address are left out.

    Raises ``BadAnswerError`` where ``rows`` is no list: that is no empty result.
    """
    if not isinstance(rows, list):
        raise BadAnswerError(
            f"{provider} answered without a list of results", hint=f"see that {keys.url} is its address"
        )
    found: list[SearchResult] = []
    for row in rows:
        address = row.get(url) if isinstance(row, Mapping) else None
        if len(found) == k or not isinstance(address, str) or not address:
            continue
        when = row.get(date)
        found.append(
            SearchResult(
                title=plain(row.get(title)),
                url=address,
                snippet=plain(row.get(snippet)),
                date=when if isinstance(when, str) and when else None,
                rank=len(found) + 1,
                provider=provider,
            )
        )
    return found


def denied(what: str, keys: Keys) -> DeniedError:
    """A key that is wrong."""
    return DeniedError(what, hint=f"see that the variable of {keys.key} holds a valid key of the service")


def used_up(what: str) -> QuotaError:
    """A plan or an account without a call left."""
    return QuotaError(what, hint="the plan is used up: pay, or wait for the next month")


def refused(what: str) -> QueryRefusedError:
    """A query that the service does not take."""
    return QueryRefusedError(what, hint=_REFUSED)
