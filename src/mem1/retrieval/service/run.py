"""Running the search service: one process or several that share a port, until a signal ends it gently."""

from __future__ import annotations

import functools
from collections.abc import Callable

from starlette.types import ASGIApp

from mem1.retrieval.base import Retriever
from mem1.retrieval.service.app import Opener, make_app
from mem1.retrieval.service.config import ServiceConfig
from mem1.retrieval.store.page_store import PageStore
from mem1.serving.run import run_app


def serve(
    open_retriever: Opener,
    config: ServiceConfig,
    open_pages: Callable[[], PageStore] | None = None,
    *,
    on_start: Callable[[str], None] = lambda address: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then answer what is in hand and return.

    With ``config.workers`` above 1 both openers are pickled, and called in every worker. ``on_start`` gets the address
    once the port is bound; connections made from then on wait until the server answers.
    Raises what ``run_app`` and the openers raise.
    """
    opened: list[tuple[Retriever, PageStore | None]] = []

    def open_once() -> None:
        # What cannot be opened is told before anybody hears of a server.
        opened.append((open_retriever(), open_pages() if open_pages is not None else None))
        if config.workers > 1:
            opened.clear()  # an index on disk is built by now; each worker maps it for itself

    def in_this_process() -> ASGIApp:
        ((retriever, pages),) = opened
        return make_app(lambda: retriever, config, (lambda: pages) if pages is not None else None)

    many = functools.partial(make_app, open_retriever, config, open_pages)
    run_app(
        in_this_process if config.workers == 1 else many,
        config,
        workers=config.workers,
        on_start=on_start,
        before=open_once,
    )
