"""What the answers so far say about the next call: where none can succeed, none is made."""

from __future__ import annotations

from mem1.http.errors import DeniedError, HttpError, UnreachableError

_UNREACHED = 3  # calls in a row, each with all its retries
_DENIED = 3  # in a row, of a service that served us before; of one that never did, the first is believed
_REFUSED_NEW, _REFUSED = 3, 8  # in a row: of a service that never took a call, and of one that did
_HINT = "; what is finished is on disk: mend it, then go on with --resume"


class Standing:
    """Counts failures in a row.

    A wrong key, a wrong model's name or a service that is gone fails every call alike, hundreds of them. After a few
    it is believed: the error ends the run (``BackendError.ends_run``), and later calls get it without being made. What
    concerns one request alone (its content, its length) never stops others: see ``HttpError.taken``.
    """

    def __init__(self) -> None:
        self._served = False
        self._unreached = self._denied = self._refused = 0
        self.stopped: HttpError | None = None

    def good(self) -> None:
        """A call was served."""
        self._served = True
        self._unreached = self._denied = self._refused = 0

    def bad(self, error: HttpError) -> HttpError:
        """A call failed for good; ``error``, or what it amounts to after those before."""
        if error.taken:
            self.good()
            return error
        unreached = isinstance(error, UnreachableError)
        self._unreached = self._unreached + 1 if unreached else 0
        if error.passing and not unreached:
            return error
        if unreached:
            count, most = self._unreached, _UNREACHED
        elif isinstance(error, DeniedError):
            self._denied += 1
            count, most = self._denied, _DENIED if self._served and not error.final else 1
        else:
            self._refused += 1
            count, most = self._refused, _REFUSED if self._served else _REFUSED_NEW
        if count < most:
            return error
        what = error.what + (f" ({count} calls in a row)" if count > 1 else "")
        self.stopped = error.told(what, hint=(error.hint or "mend it") + _HINT, ends_run=True)
        return self.stopped

    def check(self) -> None:
        """Raise the error that every call would end with, once that is known."""
        if self.stopped is not None:
            raise self.stopped.told(self.stopped.what, ends_run=True)
