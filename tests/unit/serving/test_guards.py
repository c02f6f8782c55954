"""Who may ask: strangers' pages and names, and the token."""

from __future__ import annotations

import base64
import socket

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from mem1.errors import ConfigError
from mem1.serving.config import ServerConfig
from mem1.serving.guards import host_of
from mem1.serving.run import guards, warn_if_open

TOKEN = "a token that nobody can guess"


async def _hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


def client(config: ServerConfig | None = None, *, realm: str = "", at: str = "http://localhost:8000") -> TestClient:
    routes = [Route("/", _hello, methods=["GET", "POST"]), Route("/health", _hello)]
    return TestClient(Starlette(routes=routes, middleware=guards(config or ServerConfig(), realm=realm)), base_url=at)


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:80", "127.0.0.1:8000", "[::1]:8000", "[::1]", "10.1.2.3", socket.gethostname() + ":8000"],
)
def test_addresses_and_own_names_are_answered(host: str) -> None:
    assert client().get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8000", "localhost.evil.example", "127.0.0.1.evil.example", "", "1.2.3", "[evil]"],
)
def test_a_strangers_name_is_not_answered(host: str) -> None:
    reply = client().get("/", headers={"host": host})
    assert reply.status_code == 421
    assert "--allowed-hosts" in reply.json()["detail"]


def test_further_names_can_be_allowed() -> None:
    config = ServerConfig(allowed_hosts="node7, Search.Example")
    assert client(config).get("/", headers={"host": "search.example:80"}).status_code == 200
    assert client(config).get("/", headers={"host": "node8"}).status_code == 421
    assert client(ServerConfig(allowed_hosts="*")).get("/", headers={"host": "any.example"}).status_code == 200


def test_two_host_headers_are_none() -> None:
    headers = [("host", "localhost"), ("host", "localhost")]
    assert client().get("/", headers=headers).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},  # another server of this machine is another site
        {"origin": "http://localhost:8000.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site", "origin": "http://localhost:9999"},
        {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},  # a form sent here is no visit
    ],
)
def test_what_a_strangers_page_sends_is_refused(headers: dict[str, str]) -> None:
    assert client().post("/", headers=headers).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8000"},
        {"sec-fetch-site": "same-origin", "origin": "http://localhost:8000"},
        {"sec-fetch-site": "same-origin", "origin": "null"},  # some browsers hide a form's origin from its own site
        {"sec-fetch-site": "none"},
    ],
)
def test_programs_and_own_pages_are_answered(headers: dict[str, str]) -> None:
    assert client().post("/", headers=headers).status_code == 200


def test_a_link_from_elsewhere_shows_the_page() -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert client().get("/", headers=headers).status_code == 200
    assert client().get("/", headers={"sec-fetch-site": "cross-site", "sec-fetch-mode": "cors"}).status_code == 403


def basic(password: str, user: str = "me") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_token_is_asked_of_every_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", TOKEN)
    guarded = client(ServerConfig(token_env="OUR_TOKEN"))
    wrong = [
        "",
        "Bearer",
        f"Bearer {TOKEN}x",
        f"Token {TOKEN}",
        TOKEN,
        "Basic",
        "Basic ===",
        basic("no"),
        "Bearer \xff",
    ]
    for given in wrong:
        reply = guarded.get("/", headers={b"authorization": given.encode("latin-1")})
        assert reply.status_code == 401, given
        assert reply.headers["www-authenticate"] == "Bearer"
        assert TOKEN not in reply.text
    assert guarded.get("/", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 200
    assert guarded.get("/", headers={"authorization": basic(TOKEN)}).status_code == 200
    assert guarded.get("/health").status_code == 200


def test_a_browser_is_asked_to_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OUR_TOKEN", TOKEN)
    reply = client(ServerConfig(token_env="OUR_TOKEN"), realm="web shop").get("/")
    assert reply.headers["www-authenticate"].startswith('Basic realm="web shop"')


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_token_that_is_not_there_is_no_open_door(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OUR_TOKEN", raising=False)
    if value is not None:
        monkeypatch.setenv("OUR_TOKEN", value)
    with pytest.raises(ConfigError, match="OUR_TOKEN is not set"):
        guards(ServerConfig(token_env="OUR_TOKEN"))


def test_listening_for_others_without_a_token_is_said(caplog: pytest.LogCaptureFixture) -> None:
    for config in (ServerConfig(), ServerConfig(host="::1"), ServerConfig(host="0.0.0.0", token_env="OUR_TOKEN")):
        warn_if_open(config)
    assert not caplog.records
    warn_if_open(ServerConfig(host="0.0.0.0"))
    assert "without a token" in caplog.text


@pytest.mark.parametrize(
    ("header", "name"),
    [("A.b:80", "a.b"), ("[::1]:80", "::1"), ("::1", "::1"), ("a", "a"), ("a:80:90", "a:80:90"), ("", "")],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_of(header) == name
