"""How long to wait before a call is tried again."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime


def pause(attempt: int, *, first: float, longest: float, asked: float | None, chance: float) -> float:
    """Seconds before try ``attempt + 1`` (the first try is number 0).

    Without a word from the server: ``first`` doubled with each try, at most ``longest``, times a factor between
    0.5 and 1, so that many callers do not come back at once. What the server asked for, as far as it is within
    ``longest``, is the least, and up to a quarter of it (and of ``first``) is added for the same reason.

    Args:
        chance: A random number in [0, 1).
    """
    if asked is None:
        return min(longest, first * 2.0**attempt) * (0.5 + chance / 2)
    least = min(longest, asked)
    return least + max(least, first) * chance / 4


def asked_wait(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Seconds that ``Retry-After`` (RFC 9110, 10.2.3: seconds or a date) or ``retry-after-ms`` asks for.

    ``None`` without either or where it cannot be read; never negative. ``now`` is seconds since the epoch.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None or text is None:
        return seconds
    try:
        until = parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(0.0, until - (time.time() if now is None else now))


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
