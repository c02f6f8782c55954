"""Running a server: a socket, an application behind the guards that all servers have, one process or several."""

from __future__ import annotations

import functools
import logging
import signal
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from mem1.errors import StorageError
from mem1.serving.bodies import BoundedBodies
from mem1.serving.config import ServerConfig
from mem1.serving.guards import OwnName, OwnPages, Token
from mem1.serving.protocol import guarded
from mem1.serving.workers import Workers

_LOG = logging.getLogger("mem1.serve")

MakeApp = Callable[[], ASGIApp]


def guards(config: ServerConfig, *, realm: str = "") -> list[Middleware]:
    """What stands in front of every application of ours, outermost first.

    ``realm``: what a browser calls the place when it asks its user for the token; empty for servers of programs.
    Raises ``ConfigError`` where the token's variable is not set.
    """
    token = config.token()
    return [
        Middleware(OwnName, names=config.names),
        Middleware(OwnPages),
        *([Middleware(Token, token=token, realm=realm)] if token is not None else []),
        Middleware(BoundedBodies, max_body=config.max_body, seconds=config.body_seconds, max_held=config.max_held),
    ]


def run_app(
    make_app: MakeApp,
    config: ServerConfig,
    *,
    workers: int = 1,
    on_start: Callable[[str], None] = lambda address: None,
    before: Callable[[], None] = lambda: None,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then answer what is in hand and return.

    With several ``workers`` ``make_app`` is pickled, and called in every one of them. ``before`` is called once the
    port is bound, then ``on_start`` with the address; connections made from then on wait until the server answers.
    Raises ``StorageError`` where the port is taken, ``ConfigError`` for a token that is not there, ``BackendError``
    where workers keep dying, and what ``before`` and ``make_app`` raise.
    """
    config.token()
    with bind(config.host, config.port) as listener:
        before()
        warn_if_open(config)
        address = address_of(config.host, listener)
        if workers == 1:
            on_start(address)
            run_server(make_app, config, listener)
            return
        work = functools.partial(run_server, make_app, config, listener)
        Workers(work, workers).run(lambda: on_start(address), patience=config.drain_seconds + 10)


def run_server(make_app: MakeApp, config: ServerConfig, listener: socket.socket) -> None:
    """Serve ``listener`` in this process until a signal."""
    GracefulServer(settings(make_app, config)).run([listener])


def address_of(host: str, listener: socket.socket) -> str:
    """How a client on this machine calls the server, without a slash at the end."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{listener.getsockname()[1]}"


def warn_if_open(config: ServerConfig) -> None:
    """Say what it means to listen for others without a token."""
    if not config.local and not config.token_env:
        _LOG.warning(
            "listening on %s without a token: whoever reaches this machine can use it. Set --token-env, or put a proxy "
            "that asks for one in front",
            config.host,
        )


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


class GracefulServer(uvicorn.Server):
    """A server for which a signal is an order to finish, not a way to die: the process then ends with code 0."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Finish; a second Ctrl-C does not wait for what is in hand."""
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def settings(make_app: MakeApp, config: ServerConfig) -> uvicorn.Config:
    """How uvicorn runs an application under these limits."""
    return uvicorn.Config(
        make_app,
        factory=True,
        http=guarded(
            header_seconds=config.header_seconds,
            write_seconds=config.write_seconds,
            linger_seconds=config.linger_seconds,
            max_connections=config.max_connections,
        ),
        ws="none",
        loop="asyncio",
        limit_concurrency=config.max_connections,
        timeout_keep_alive=max(1, round(config.idle_seconds)),
        timeout_graceful_shutdown=max(1, round(config.drain_seconds)),
        access_log=False,
        log_level="warning",
        server_header=False,
    )
