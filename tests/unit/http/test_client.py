"""The one client: what it sends, how long it waits, when it gives up, and what it never shows."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpx
import pytest

from mem1.http.client import HttpClient
from mem1.http.errors import (
    BadAnswerError,
    DeniedError,
    RateLimitError,
    RefusedError,
    TimedOutError,
    TooLargeError,
)
from mem1.http.secret import Secret
from mem1.http.service import Timeouts
from tests.unit.http.fakes import KEY, SERVICE, Network, answer, at, call, client, in_turn, served

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


def test_bad_answers_are_bad_answers() -> None:
    with pytest.raises(BadAnswerError, match="no JSON"):
        call(client(lambda request: httpx.Response(200, text="<html>")))
