"""Retrievers and services for tests."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from mem1.retrieval.base import Hit, Passage

Respond = Callable[[dict[str, Any]], tuple[int, Any]]
"""Status and body (JSON, or bytes as they are) for a request's body."""


def passage(name: str) -> Passage:
    return Passage(id=name, title=name.upper(), text=f"text of {name}")


class Ranked:
    """Finds the passages it was given for a query, in that order, with falling scores; counts its calls."""

    def __init__(self, **found: str) -> None:
        self.found = found
        self.calls: list[tuple[tuple[str, ...], int]] = []

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        self.calls.append((tuple(queries), top_k))
        await asyncio.sleep(0)
        return [
            [Hit(passage=passage(name), score=1.0 / rank) for rank, name in enumerate(self.found[query], 1)][:top_k]
            for query in queries
        ]


@contextmanager
def service(respond: Respond, headers: Mapping[str, str] | None = None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A real HTTP server on loopback: its address, and the bodies that it was sent. ``headers`` go with each answer."""
    received: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append({"path": self.path, **body})
            status, answer = respond(body)
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", received
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
