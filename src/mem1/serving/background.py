"""A server in a thread of this process, for tests and tools that look at its pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mem1.serving.config import ServerConfig
from mem1.serving.run import GracefulServer, MakeApp, address_of, bind, settings


@contextmanager
def running(make_app: MakeApp, config: ServerConfig | None = None) -> Iterator[str]:
    """The address (without a slash at the end) of a server that runs until the block ends.

    Without ``config`` it listens on a free port of this machine.
    """
    config = config or ServerConfig(port=0, drain_seconds=1.0, linger_seconds=0.01)
    with bind(config.host, config.port) as listener:
        server = GracefulServer(settings(make_app, config))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        try:
            yield address_of(config.host, listener)
        finally:
            server.should_exit = True
            thread.join(10)
