"""What can go wrong with a model behind an endpoint, by kind: reports count failed episodes by these names."""

from __future__ import annotations

from mem1.errors import BackendError


class EndpointError(BackendError):
    """A call failed. ``asked_wait``: seconds the server asked to wait before the next try, where it did."""

    passing = False  # whether the same call may succeed when it is tried again

    def __init__(
        self, what: str, *, where: str | None = None, hint: str | None = None, asked_wait: float | None = None
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.asked_wait = asked_wait


class RateLimitError(EndpointError):
    """The server has had enough of us for now (429)."""

    passing = True


class UnavailableError(EndpointError):
    """The server failed (5xx), cut the connection or could not be reached."""

    passing = True


class TimedOutError(EndpointError):
    """The server did not answer in time."""

    passing = True


class BadAnswerError(EndpointError):
    """The server answered with something that is no completion. It is never taken for one."""

    passing = True


class InexactAnswerError(EndpointError):
    """Exact tokens were asked for and the server's answer does not hold them."""


class FilteredError(EndpointError):
    """The server withheld what was written, or a part of it, because of its content."""


class RefusedError(EndpointError):
    """The server refuses the request as it is (4xx): asking again would not help."""
