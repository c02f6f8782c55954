"""Who is told how far a build is."""

from __future__ import annotations

from collections.abc import Callable

Report = Callable[[str, int, int], None]
"""What is being done, how much is done, of how much."""


def quiet(what: str, done: int, total: int) -> None:
    """A ``Report`` that tells nobody."""
