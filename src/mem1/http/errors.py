"""What can go wrong with a service that is asked over HTTP, by kind: reports count failed episodes by these names."""

from __future__ import annotations

from typing import ClassVar, Self

from mem1.errors import BackendError


class HttpError(BackendError):
    """A call failed. ``asked_wait``: seconds the service asked to wait before the next try, where it did."""

    passing: ClassVar[bool] = False  # whether the same call may succeed when it is tried again
    taken: ClassVar[bool] = False  # whether the service took the request as one of a caller whom it serves
    final: ClassVar[bool] = False  # whether it is believed the first time, even of a service that served us before

    def __init__(
        self, what: str, *, where: str | None = None, hint: str | None = None, asked_wait: float | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.asked_wait = asked_wait

    def told(self, what: str, *, where: str | None = None, hint: str | None = None, ends_run: bool = False) -> Self:
        """The same error in other words; with ``ends_run`` no further call will be made."""
        found = type(self)(what, where=self.where or where, hint=hint or self.hint, asked_wait=self.asked_wait)
        found.ends_run = ends_run
        return found


class RateLimitError(HttpError):
    """The service has had enough of us for now (429 and its like)."""

    passing = True


class UnavailableError(HttpError):
    """The service failed (5xx) or cut the connection."""

    passing = True


class UnreachableError(UnavailableError):
    """No connection at all: nobody listens there, or the name or certificate is wrong."""


class TimedOutError(HttpError):
    """The service did not answer in time."""

    passing = True


class BadAnswerError(HttpError):
    """The service answered with something that is not what was asked for. It is never taken for it."""

    passing = True


class TooLargeError(BadAnswerError):
    """The answer is larger than anything that was asked for."""


class RefusedError(HttpError):
    """The service refuses the request as it is (4xx): asking again would not help."""


class DeniedError(RefusedError):
    """The service refuses the caller: a wrong key (401), no money left (402). Any other request fares alike."""


class QuotaError(DeniedError):
    """What was paid for is used up, for this month or altogether: no later call can be served."""

    final = True
