"""Why a page was not fetched, in one word and in a sentence."""

from __future__ import annotations

from typing import Literal, Self

from mem1.http.errors import HttpError

Reason = Literal[
    "address",  # not an address that may be fetched, or one that leads to no public host
    "redirect",  # too many, or nowhere
    "robots",  # the site does not want it
    "connection",  # nobody there, a wrong certificate, cut off, or something else than HTTP
    "timeout",
    "rate",  # 429
    "missing",  # 404, 410
    "server",  # 5xx
    "status",  # any other status that is no success
    "type",  # a kind of content that is not read
    "size",
    "encoding",  # packed in a way that was not asked for, or damaged
    "text",  # nothing to read in it
]


class PageError(HttpError):
    """A page could not be had: ``reason`` says why in a word, ``what`` in a sentence that holds nothing of the page."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        hint: str | None = None,
        asked_wait: float | None = None,
        reason: Reason = "connection",
    ) -> None:
        super().__init__(what, where=where, hint=hint, asked_wait=asked_wait)
        self.reason: Reason = reason

    @property
    def again(self) -> bool:
        """Whether the same request may succeed when it is made again."""
        return self.reason in ("rate", "server")

    def told(self, what: str, *, where: str | None = None, hint: str | None = None, ends_run: bool = False) -> Self:
        """The same error in other words."""
        found = super().told(what, where=where, hint=hint, ends_run=ends_run)
        found.reason = self.reason
        return found
