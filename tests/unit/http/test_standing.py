"""After how many failures a run ends, counted by hand."""

from __future__ import annotations

import pytest

from mem1.errors import ends_run
from mem1.http.errors import (
    BadAnswerError,
    DeniedError,
    HttpError,
    RateLimitError,
    RefusedError,
    TimedOutError,
    UnavailableError,
    UnreachableError,
)
from mem1.http.standing import Standing
from mem1.inference.endpoint.errors import FilteredError, InexactAnswerError, OverflowingContextError

LETTERS: dict[str, type[HttpError]] = {
    "d": DeniedError,
    "r": RefusedError,
    "i": InexactAnswerError,
    "u": UnreachableError,
    "5": UnavailableError,
    "4": RateLimitError,
    "t": TimedOutError,
    "b": BadAnswerError,
    "f": FilteredError,
    "o": OverflowingContextError,
}


def stops_after(course: str) -> int | None:
    """Number of the call (``g``: a good one) with which it was over."""
    standing = Standing()
    for number, letter in enumerate(course, 1):
        if letter == "g":
            standing.good()
            continue
        error = standing.bad(LETTERS[letter]("no", hint="mend it"))
        assert ends_run(error) == (standing.stopped is not None)
        if ends_run(error):
            return number
    return None


@pytest.mark.parametrize(
    ("course", "stop"),
    [
        ("d", 1),  # it never served us: a wrong key is a wrong key
        ("5td", 3),
        ("gddd", 4),  # it did: a key may be refused by chance
        ("gddgdd", None),
        ("rrr", 3),
        ("rir", 3),
        ("rrgrrrrrrr", None),
        ("grrrrrrrr", 9),
        ("uuu", 3),
        ("guuu", 4),
        ("uu5uu", None),  # it was reached in between
        ("uutuubuu4", None),
        ("5" * 100, None),  # may pass
        ("b4t5" * 25, None),
        ("f" * 100, None),  # each of them concerns its own request
        ("o" * 100, None),
        ("rrorrfrr", None),
        ("rr5r", 4),  # a busy moment does not make refusals good
    ],
)
def test_it_stops_where_no_call_can_succeed(course: str, stop: int | None) -> None:
    assert stops_after(course) == stop


def test_later_calls_get_the_same_error_each_its_own() -> None:
    standing = Standing()
    standing.check()
    standing.bad(DeniedError("the server answered 401: no", where="http://x", hint="another key"))
    errors = []
    for _ in range(2):
        with pytest.raises(DeniedError, match="401: no") as caught:
            standing.check()
        errors.append(caught.value)
        assert ends_run(caught.value)
        assert caught.value.where == "http://x"
        assert caught.value.hint is not None
        assert caught.value.hint.startswith("another key; what is finished is on disk")
    assert errors[0] is not errors[1]
