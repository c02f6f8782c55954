"""What can go wrong with a model behind an endpoint, beyond what can with any service (``mem1.http.errors``)."""

from __future__ import annotations

from mem1.errors import ContextLimitError
from mem1.http.errors import HttpError


class InexactAnswerError(HttpError):
    """Exact tokens were asked for and the server's answer does not hold them."""


class FilteredError(HttpError):
    """The server withheld what was written, or a part of it, because of its content."""

    taken = True


class OverflowingContextError(HttpError, ContextLimitError):
    """The server says that the context is longer than it takes. The episode ends there (``context_limit``)."""

    taken = True
