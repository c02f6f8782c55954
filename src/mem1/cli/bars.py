"""Progress of work that says how far it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from mem1.progress import Reporter, Work, screen


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Call what this yields with what is done, how much of it, and of how much."""
    shows = Reporter(screen())
    with ExitStack() as held:
        known: dict[str, Work] = {}

        def report(what: str, done: int, total: int) -> None:
            if what not in known:
                held.close()  # one thing after the other
                known[what] = held.enter_context(shows.work(what, total))
            known[what].at(done, total=total)

        yield report
