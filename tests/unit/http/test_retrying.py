"""Pauses between tries, worked out by hand."""

from __future__ import annotations

import pytest

from mem1.http.retrying import asked_wait, pause


@pytest.mark.parametrize(
    ("attempt", "asked", "chance", "seconds"),
    [
        (0, None, 0.0, 0.25),
        (0, None, 0.5, 0.375),
        (3, None, 0.0, 2.0),
        (3, None, 1.0, 4.0),
        (20, None, 1.0, 60.0),  # the longest
        (0, 7.0, 0.0, 7.0),  # what was asked for is the least
        (5, 8.0, 0.5, 9.0),
        (0, 0.0, 1.0, 0.125),
        (0, 100.0, 0.0, 60.0),  # not more than the longest
    ],
)
def test_pause(attempt: int, asked: float | None, chance: float, seconds: float) -> None:
    assert pause(attempt, first=0.5, longest=60.0, asked=asked, chance=chance) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:01:40 GMT"}, 40.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 0.0),  # long past
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_what_the_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert asked_wait(headers, now=60.0) == seconds
