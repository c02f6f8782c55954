"""Running the service: one process or several that share a port, until a signal ends it gently."""

from __future__ import annotations

import functools
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn

from mem1.errors import StorageError
from mem1.retrieval.service.app import Opener, make_app
from mem1.retrieval.service.config import ServiceConfig
from mem1.retrieval.service.timeouts import guarded
from mem1.retrieval.service.workers import Workers
from mem1.retrieval.store.page_store import PageStore


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
    Raises ``StorageError`` where the port is taken, ``BackendError`` where workers keep dying, and what the openers
    raise.
    """
    with bind(config.host, config.port) as listener:
        address = f"http://{config.host}:{listener.getsockname()[1]}"
        # What cannot be opened is told before anybody hears of a server.
        retriever, pages = open_retriever(), open_pages() if open_pages is not None else None
        if config.workers == 1:
            on_start(address)
            run_server(lambda: retriever, config, (lambda: pages) if pages is not None else None, listener)
        else:
            del retriever, pages  # an index on disk is built by now; each worker maps it for itself
            Workers(functools.partial(run_server, open_retriever, config, open_pages, listener), config.workers).run(
                lambda: on_start(address), patience=config.drain_seconds + 10
            )


def run_server(
    open_retriever: Opener, config: ServiceConfig, open_pages: Callable[[], PageStore] | None, listener: socket.socket
) -> None:
    """Serve ``listener`` in this process until a signal."""
    GentleServer(_settings(open_retriever, config, open_pages)).run([listener])


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens on ``host:port``. Raises ``StorageError``."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise StorageError(
            f"cannot listen on port {port}: {error.strerror or error}",
            where=host,
            hint="choose another --port (0 takes a free one), or another --host",
        ) from error
    return listener


class GentleServer(uvicorn.Server):
    """A server for which a signal is an order to finish, not a way to die: the process then ends with code 0."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Finish; a second Ctrl-C does not wait for what is in hand."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def _settings(
    open_retriever: Opener, config: ServiceConfig, open_pages: Callable[[], PageStore] | None
) -> uvicorn.Config:
    return uvicorn.Config(
        functools.partial(make_app, open_retriever, config, open_pages),
        factory=True,
        http=guarded(
            header_seconds=config.header_seconds,
            write_seconds=config.write_seconds,
            linger_seconds=config.linger_seconds,
        ),
        ws="none",
        loop="asyncio",
        workers=config.workers,
        limit_concurrency=config.max_connections,
        timeout_keep_alive=max(1, round(config.idle_seconds)),
        timeout_graceful_shutdown=max(1, round(config.drain_seconds)),
        access_log=False,
        log_level="warning",
        server_header=False,
    )
