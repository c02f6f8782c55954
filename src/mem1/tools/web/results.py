"""What the two tools give: results of a search, a stretch of a page, or a failure with its cause in one word."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mem1.http.guarded.errors import Reason
from mem1.types import Record

Cause = Reason | Literal["request", "service"]
"""Why there is nothing: a page's ``Reason``; of a search ``request`` (it is refused) or ``service`` (it failed)."""


class SearchResult(Record):
    """One result, best first by ``rank`` (from 1). ``date`` is the provider's text, whatever form it has."""

    title: str
    url: str
    snippet: str = ""
    date: str | None = None
    rank: int = Field(ge=1)
    provider: str


class Failure(Record):
    """Nothing came of it: ``message`` says why, in words of ours."""

    cause: Cause
    message: str


class Found(Record):
    """The outcome of a search. ``results`` is empty where nothing was found; with ``failure`` nothing is known."""

    results: tuple[SearchResult, ...] = ()
    failure: Failure | None = None
    from_cache: bool = False


class Document(Record):
    """A whole page, read. ``fetched_at`` is seconds since the epoch."""

    final_url: str
    status: int
    title: str
    text: str
    content_type: str
    fetched_at: float


class Page(Record):
    """A stretch of a page: ``text`` is ``total_chars`` long altogether and begins at ``start``; see ``next_start``."""

    final_url: str
    status: int
    title: str
    text: str
    start: int
    total_chars: int
    next_start: int | None
    content_type: str
    fetched_at: float
    from_cache: bool = False


class Opened(Record):
    """The outcome of opening a page: one of the two is there."""

    page: Page | None = None
    failure: Failure | None = None
    from_cache: bool = False
