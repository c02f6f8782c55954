"""One client, whatever loop or thread it is used from."""

from __future__ import annotations

import asyncio
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mem1.http.client import HttpClient
from tests.unit.http.fakes import answer, at, call, client, served

# ---------------------------------------------------------------- loops and threads


def test_one_client_serves_one_loop_after_another_and_threads_without() -> None:
    found = client(answer({"a": 1}))
    assert [call(found) for _ in range(3)] == [{"a": 1}] * 3
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(found.call_blocking("/x", None, str))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(10)
    assert results == ["{'a': 1}"] * 4
    found.close_blocking()


def test_connections_are_kept_between_loops_and_closed_at_the_end() -> None:
    ended: list[int] = []

    class Counting(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "1")
            self.end_headers()
            self.wfile.write(b"1")

        def finish(self) -> None:
            ended.append(self.client_address[1])
            super().finish()

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    found = at(f"http://127.0.0.1:{server.server_address[1]}")
    for _ in range(3):
        call(found)
    time.sleep(0.1)
    assert ended == [], "one connection, still open"
    asyncio.run(found.close())
    for _ in range(100):
        if ended:
            break
        time.sleep(0.02)
    assert len(ended) == 1
    server.shutdown()
    server.server_close()


def test_who_is_cancelled_waits_for_nothing() -> None:
    gone = threading.Event()

    def hang(talk: BaseHTTPRequestHandler) -> None:
        talk.rfile.read(1)  # returns when the other side is gone
        gone.set()

    async def go(found: HttpClient) -> None:
        work = asyncio.create_task(found.call("/x", None, str))
        while not seen:
            await asyncio.sleep(0.01)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    with served(hang) as (url, seen):
        asyncio.run(go(at(url)))
        assert gone.wait(5), "the connection is closed with the call"
