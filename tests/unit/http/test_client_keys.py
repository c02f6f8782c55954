"""A key that a service repeats is shown to nobody; and services that are asked whether they are there."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import traceback
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote

import httpx
import pytest

from mem1.http.errors import (
    DeniedError,
    HttpError,
    UnavailableError,
    UnreachableError,
)
from mem1.http.probe import check_models
from tests.unit.http.fakes import KEY, at, call, client, in_turn, served

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
