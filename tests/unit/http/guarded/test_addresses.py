"""Which addresses are public, and which spellings of one are even looked at."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import httpcore
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.http.guarded.addresses import is_public
from mem1.http.guarded.errors import PageError
from mem1.http.guarded.network import GuardedNetwork
from mem1.http.guarded.urls import Allowed, checked_url, next_url
from tests.unit.http.guarded.forms import NOT_PUBLIC_ADDRESSES, PUBLIC, REFUSED, REFUSED_WHOLE

NOBODY = Allowed()


class Wires(httpcore.AsyncNetworkBackend):
    """Notes what is connected to, and connects to nothing."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *args: object, **named: object) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        raise httpcore.ConnectError("no wires here")


def reaches(url: str) -> list[tuple[str, int]]:
    """Where the guard would connect to for ``url``, names resolved as C libraries do for spellings of addresses."""
    wires = Wires()

    async def resolve(host: str, port: int) -> list[str]:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        return [str(entry[4][0]) for entry in found]

    async def go() -> None:
        parsed = checked_url(url, NOBODY)
        pool = httpcore.AsyncConnectionPool(network_backend=GuardedNetwork(NOBODY, resolve, wires))
        target = httpcore.URL(scheme=parsed.raw_scheme, host=parsed.raw_host, port=parsed.port, target=b"/")
        with suppress(httpcore.ConnectError):
            await pool.request("GET", target, headers=[(b"Host", parsed.netloc)])

    with suppress(PageError):
        asyncio.run(go())
    return wires.connected


@pytest.mark.parametrize("host", REFUSED)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_spelling_of_an_address_that_is_not_public_is_connected_to(scheme: str, host: str) -> None:
    assert reaches(f"{scheme}://{host}/") == []


@pytest.mark.parametrize("url", REFUSED_WHOLE)
def test_what_is_no_address_of_the_web_is_refused_before_anything_is_resolved(url: str) -> None:
    assert reaches(url) == []


def test_enough_forms_are_tried() -> None:
    assert len(set(REFUSED)) + len(set(REFUSED_WHOLE)) > 140


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "http://[2606:4700::1111]/", "http://[::ffff:8.8.8.8]/"])
def test_a_public_address_is_connected_to(url: str) -> None:
    assert len(reaches(url)) == 1


@pytest.mark.parametrize("url", PUBLIC)
def test_an_address_of_a_public_host_is_taken_as_it_is(url: str) -> None:
    found = checked_url(url, NOBODY)
    assert found.host
    assert found.fragment == ""


@pytest.mark.parametrize("address", NOT_PUBLIC_ADDRESSES)
def test_an_address_that_is_not_public_is_none(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "1.1.1.1", "192.31.196.1", "192.52.193.1", "192.175.48.1", "::ffff:8.8.8.8", "2606:4700::1111"),
        *("2a00:1450:4001::1", "223.255.255.254", "172.32.0.1", "172.15.255.255", "100.128.0.1", "2400::1"),
    ],
)
def test_a_public_address_is_one(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses())
def test_nothing_is_public_that_the_library_knows_to_be_private(address: object) -> None:
    text = str(address)
    assert not is_public(text) or getattr(address, "is_global", False)
    assert not is_public(text) or not getattr(address, "is_multicast", True)


@given(st.text(max_size=60))
def test_no_text_at_all_is_more_than_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://{text}/", f"https://example.com:{text}/"):
        with suppress(PageError):
            found = checked_url(url, NOBODY)
            assert found.scheme in ("http", "https")
            assert (found.port or 80) in (80, 443)
            assert not found.userinfo
            assert found.raw_host.decode("ascii").isascii()


def test_an_allowed_host_is_allowed_at_its_port_and_by_its_name_alone() -> None:
    allowed = Allowed(frozenset({"127.0.0.1:8123", "wiki.intern:8080"}))
    assert checked_url("http://127.0.0.1:8123/x", allowed).port == 8123
    assert checked_url("http://wiki.intern:8080/", allowed).host == "wiki.intern"
    for url in ("http://127.0.0.1:8124/", "http://localhost:8123/", "http://127.1:8123/", "http://wiki.intern:8123/"):
        with pytest.raises(PageError):
            checked_url(url, allowed)
    with pytest.raises(PageError):
        checked_url("http://a@127.0.0.1:8123/", allowed)
    with pytest.raises(PageError):
        checked_url("file://127.0.0.1:8123/", allowed)


# ---------------------------------------------------------------- redirects

HERE = httpx.URL("https://example.com/a/b?c")


@pytest.mark.parametrize(
    ("location", "wanted"),
    [
        ("/x", "https://example.com/x"),
        ("y", "https://example.com/a/y"),
        ("?z", "https://example.com/a/b?z"),
        ("../w", "https://example.com/w"),
        ("//other.example/x", "https://other.example/x"),
        ("http://other.example/x", "http://other.example/x"),
        ("#part", "https://example.com/a/b?c"),
    ],
)
def test_a_redirect_leads_where_browsers_go(location: str, wanted: str) -> None:
    assert str(next_url(HERE, location, NOBODY)) == wanted


@pytest.mark.parametrize(
    "location",
    [
        *(
            "http:/x",
            "http:///x",
            "http://",
            "https:x",
            "\\\\h",
            "/\\h",
            "file:///etc/passwd",
            "ftp://h/",
            "javascript:x",
        ),
        *("data:text/html,x", "http:127.0.0.1", "//user:pw@h/", "http://u@h/", "http://h:22/", "//h:22/", "//", "///x"),
        *("http://127.1/", "//localhost/", "http://h/ x", "http://h/\x00", "\thttp://h/", "", "http://h.localhost/"),
    ],
)
def test_a_redirect_gets_nothing_from_the_address_before_but_what_is_relative(location: str) -> None:
    with pytest.raises(PageError):
        next_url(HERE, location, NOBODY)
