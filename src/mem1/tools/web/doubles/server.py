"""A server of a double: on the loopback interface, on a free port, in a thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Respond = Callable[[BaseHTTPRequestHandler, bytes], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Callers hang up when they have seen enough."""


@contextmanager
def served(respond: Respond) -> Iterator[int]:
    """Serve until the block ends; gives the port. ``respond`` writes the answer to a request and its body."""

    class Talk(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                respond(self, body)
            except OSError:
                self.close_connection = True

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = _Server(("127.0.0.1", 0), Talk)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


def send(talk: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
    """A whole answer; ``_`` in a header's name is ``-``."""
    talk.send_response(status)
    for name, value in headers.items():
        talk.send_header(name.replace("_", "-"), value)
    talk.send_header("Content-Length", str(len(body)))
    talk.end_headers()
    talk.wfile.write(body)
