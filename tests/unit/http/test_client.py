"""The one client: what it sends, how long it waits, when it gives up, and what it never shows."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from mem1.http.client import HttpClient
from mem1.http.errors import (
    BadAnswerError,
    DeniedError,
    HttpError,
    RateLimitError,
    RefusedError,
    TimedOutError,
    TooLargeError,
    UnavailableError,
    UnreachableError,
)
from mem1.http.probe import check_models
from mem1.http.secret import Secret
from mem1.http.service import Keys, Service, Timeouts
from tests.unit.http.fakes import Handler, Network, noting

KEY = "sk-test-0123456789-abcdef"
SERVICE = Service(
    "the server",
    "http://server/v1",
    Keys("url", "key_env", "timeouts", "slots", "retries"),
    retries=2,
    first_wait=0.001,
    longest_wait=10.0,
)


def client(handler: Handler, pauses: list[float] | None = None, **settings: Any) -> HttpClient:
    service = replace(SERVICE, **settings)
    sleep = noting(pauses if pauses is not None else [])
    return HttpClient(service, Secret("KEY", KEY), transport=Network(handler), sleep=sleep)


def call(found: HttpClient, body: object = None) -> Any:
    return asyncio.run(found.call("/x", body, lambda answer: answer))[0]


def answer(body: object = None, status: int = 200, **headers: str) -> Handler:
    return lambda request: httpx.Response(status, json=body, headers=headers)


def in_turn(*answers: httpx.Response | Exception) -> Handler:
    left = list(answers)

    def handler(request: httpx.Request) -> httpx.Response:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    return handler


@contextmanager
def served(respond: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[str, list[str]]]:
    """A real server; its address, and the authorization headers that it was sent."""
    seen: list[str] = []

    class Talk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.headers.get("Authorization", ""))
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                respond(self)
            except OSError:
                self.close_connection = True

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Talk)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        server.server_close()


def at(url: str, **settings: Any) -> HttpClient:
    return HttpClient(replace(SERVICE, url=url, **settings), Secret("KEY", KEY))


# ---------------------------------------------------------------- what goes over


def test_what_is_sent() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"b": 1})

    assert call(client(handler), {"a": "ö\ud800"}) == {"b": 1}
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "http://server/v1/x")
    assert json.loads(request.content) == {"a": "ö\ud800"}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["accept-encoding"] == "gzip, deflate"


def test_a_key_goes_into_the_header_that_the_service_wants() -> None:
    seen: list[httpx.Headers] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        return httpx.Response(200, json=1)

    call(client(handler, header="X-Api-Key", prefix=""))
    call(HttpClient(SERVICE, Secret.from_environment(None), transport=Network(handler)))
    assert (seen[0]["x-api-key"], "authorization" in seen[0]) == (KEY, False)
    assert "authorization" not in seen[1]


@pytest.mark.parametrize("charset", ["", "; charset=iso-8859-1", "; charset=no-such", "; charset=utf-16"])
def test_json_is_utf8_whatever_the_header_says(charset: str) -> None:
    body = json.dumps({"a": "Malmö 奥斯陆"}, ensure_ascii=False).encode()
    found = client(lambda request: httpx.Response(200, content=body, headers={"Content-Type": f"text/x{charset}"}))
    assert call(found) == {"a": "Malmö 奥斯陆"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_the_key_does_not_follow_a_redirect(status: int) -> None:
    def send_on(talk: BaseHTTPRequestHandler) -> None:
        talk.send_response(status)
        talk.send_header("Location", f"{elsewhere}/leak")
        talk.send_header("Content-Length", "0")
        talk.end_headers()

    with (
        served(lambda talk: None) as (elsewhere, leaked),
        served(send_on) as (url, _),
        pytest.raises(RefusedError, match=f"answered {status}"),
    ):
        call(at(url))
    assert leaked == []


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_an_answer_beyond_the_limit_is_left_there(packed: bool) -> None:
    body = json.dumps("x" * 100_000).encode()
    headers = {"Content-Encoding": "gzip"} if packed else {}
    content = gzip.compress(body) if packed else body
    found = client(lambda request: httpx.Response(200, content=content, headers=headers), limit=50_000)
    with pytest.raises(TooLargeError, match=r"larger than 50,000 bytes \(after 2 retries\)"):
        call(found)


def test_a_drip_is_cut_off_by_the_deadline_of_the_whole() -> None:
    def drip(talk: BaseHTTPRequestHandler) -> None:
        talk.send_response(200)
        talk.send_header("Content-Length", "1000")
        talk.end_headers()
        for _ in range(100):
            talk.wfile.write(b" ")
            talk.wfile.flush()
            time.sleep(0.05)

    began = time.perf_counter()
    with served(drip) as (url, _), pytest.raises(TimedOutError):
        call(at(url, retries=0, timeouts=Timeouts(connect=5, read=5, total=0.3)))
    assert time.perf_counter() - began < 3


def test_a_complaint_without_end_is_read_a_little() -> None:
    def complain(talk: BaseHTTPRequestHandler) -> None:
        talk.send_response(400)
        talk.send_header("Content-Length", str(10**12))
        talk.end_headers()
        while True:
            talk.wfile.write(b"no " * 10_000)

    with served(complain) as (url, _), pytest.raises(RefusedError, match="answered 400: no no") as caught:
        call(at(url))
    assert len(str(caught.value)) < 1000


# ---------------------------------------------------------------- trying again


def test_what_may_pass_is_tried_again_with_growing_pauses() -> None:
    pauses: list[float] = []
    bad = (httpx.Response(503), httpx.ConnectError("no"), httpx.ReadTimeout("slow"), httpx.Response(200, text="<html>"))
    found = client(in_turn(*bad, httpx.Response(200, json="good")), pauses, retries=4, first_wait=1.0, longest_wait=3.0)
    assert call(found) == "good"
    assert all(low <= one <= high for low, one, high in zip((0.5, 1, 1.5, 1.5), pauses, (1, 2, 3, 3), strict=True))


@pytest.mark.parametrize(
    ("header", "least"),
    [
        ({"Retry-After": "4"}, 4.0),
        ({"retry-after-ms": "4000"}, 4.0),
        ({"Retry-After": formatdate(time.time() + 3600, usegmt=True)}, None),
        ({"Retry-After": "3600"}, None),
    ],
    ids=["seconds", "milliseconds", "a date in an hour", "an hour"],
)
def test_what_the_service_asks_for_is_heeded_or_it_is_given_up(header: dict[str, str], least: float | None) -> None:
    pauses: list[float] = []
    busy = [httpx.Response(429, headers=header), httpx.Response(200, json="good")]
    found = client(in_turn(*busy), pauses)
    if least is None:
        with pytest.raises(RateLimitError, match=r"it asks to wait 3\d\d\d"):
            call(found)
        assert pauses == []
    else:
        assert call(found) == "good"
        assert least <= pauses[0] <= 1.25 * least


def test_a_pause_asked_of_one_is_kept_by_all() -> None:
    """The first is told to wait 5 s; a second call, begun right after, does not go out before."""
    pauses: list[float] = []
    found = client(
        in_turn(httpx.Response(429, headers={"Retry-After": "5"}), *[httpx.Response(200, json=1)] * 2), pauses
    )
    call(found)
    call(found)
    assert len(pauses) == 2
    assert 5 <= pauses[0] <= 6.25
    assert 4.5 <= pauses[1] <= 5.1


def test_no_more_calls_at_a_time_than_slots() -> None:
    now, most = 0, 0
    lock = threading.Lock()

    def slow(talk: BaseHTTPRequestHandler) -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.03)
        with lock:
            now -= 1
        talk.send_response(200)
        talk.send_header("Content-Length", "1")
        talk.end_headers()
        talk.wfile.write(b"1")

    async def many(found: HttpClient) -> None:
        await asyncio.gather(*(found.call("/x", None, lambda one: one) for _ in range(12)))

    with served(slow) as (url, seen):
        asyncio.run(many(at(url, slots=3)))
    assert (most, len(seen)) == (3, 12)


def test_a_denied_key_costs_one_call_however_many_are_begun() -> None:
    def deny(talk: BaseHTTPRequestHandler) -> None:
        time.sleep(0.05)
        talk.send_response(401)
        talk.send_header("Content-Length", "0")
        talk.end_headers()

    async def many(found: HttpClient) -> list[BaseException | tuple[Any, float]]:
        return await asyncio.gather(*(found.call("/x", None, str) for _ in range(50)), return_exceptions=True)

    with served(deny) as (url, seen):
        errors = asyncio.run(many(at(url, slots=50)))
    assert len(seen) == 1
    assert all(isinstance(one, DeniedError) and one.ends_run for one in errors)


def test_an_error_of_the_reader_is_no_error_of_the_service() -> None:
    def broken(found: Any) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(client(answer(1)).call("/x", None, broken))


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


# ---------------------------------------------------------------- keys


ECHOES: dict[str, str] = {
    "plain": KEY,
    "as OpenAI words it": f"Incorrect API key provided: {KEY}. You can find your API key at ...",
    "escaped": "no " + json.dumps(KEY).replace("-", "\\u002d"),
    "split": f"{KEY[:10]}\n   {KEY[10:]}",
    "split without width": f"{KEY[:10]}\u200b{KEY[10:]}",
    "in an address": f"http://x/?key={quote(KEY)}&again={''.join(f'%{ord(c):02X}' for c in KEY)}",
    "base64": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "half of it": KEY[:17],
    "behind much": "x" * 290 + KEY,
    "at the end of what is read": "y" * (2**16 - 20) + KEY,
}


@pytest.mark.parametrize("name", sorted(ECHOES))
@pytest.mark.parametrize("status", [401, 429, 500, 302, 200])
def test_a_key_that_is_echoed_is_shown_to_nobody(name: str, status: int, caplog: pytest.LogCaptureFixture) -> None:
    """It is in body, headers and reason; errors, their contexts, tracebacks and the finest logs are looked at."""
    caplog.set_level(logging.DEBUG)
    echo = ECHOES[name].encode()

    def give_away(talk: BaseHTTPRequestHandler) -> None:
        talk.send_response(status, f"No {KEY}")
        talk.send_header("X-You-Sent", KEY)
        talk.send_header("Location", f"http://x/?key={KEY}")
        talk.send_header("WWW-Authenticate", f"Bearer {KEY}")
        talk.send_header("Content-Length", str(len(echo)))
        talk.end_headers()
        talk.wfile.write(echo)

    with served(give_away) as (url, seen), pytest.raises(HttpError) as caught:
        call(at(url, retries=1))
    assert seen[0] == f"Bearer {KEY}"
    error: BaseException | None = caught.value
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    while error is not None:
        told += repr(error) + str(error.args)
        error = error.__cause__ or error.__context__
    assert caplog.text, "the library does log"
    for part in (KEY, KEY[:17], quote(KEY), ECHOES["base64"], ECHOES["split"], ECHOES["split without width"]):
        assert part not in told


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError, httpx.ProxyError])
def test_a_key_in_an_error_of_the_library_is_hidden(error: type[httpx.TransportError]) -> None:
    with pytest.raises(UnavailableError, match=r"\[key\]") as caught:
        call(client(in_turn(error(f"cannot send {KEY} there")), retries=0))
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


# ---------------------------------------------------------------- asked once


@pytest.mark.parametrize(
    ("models", "completion", "kind"),
    [
        (200, 500, None),
        (404, 500, None),
        (501, 500, None),
        (401, 401, DeniedError),
        (401, 200, None),  # the list of models wants another key than completions do
        (403, 401, DeniedError),
        (403, 400, None),
        (402, 402, DeniedError),
    ],
)
def test_a_server_is_asked_before_work_begins(models: int, completion: int, kind: type[HttpError] | None) -> None:
    asked: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        return httpx.Response(models if request.method == "GET" else completion, json={})

    work = check_models(client(handler, retries=0), "/chat/completions", {"max_tokens": 1})
    if kind is None:
        asyncio.run(work)
    else:
        with pytest.raises(kind) as caught:
            asyncio.run(work)
        assert caught.value.ends_run
    assert asked in (["GET"], ["GET", "GET"], ["GET", "POST"])


def test_a_server_that_is_not_there_is_told_at_once() -> None:
    with served(lambda talk: None) as (url, _):
        pass
    with pytest.raises(UnreachableError, match="connection failed") as caught:
        asyncio.run(check_models(at(url), "/x", {}))
    assert caught.value.ends_run


def test_bad_answers_are_bad_answers() -> None:
    with pytest.raises(BadAnswerError, match="no JSON"):
        call(client(lambda request: httpx.Response(200, text="<html>")))
