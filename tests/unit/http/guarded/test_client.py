"""Pages through the guard, against a site that does what sites should not do; only this machine is connected to."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import httpcore
import pytest

from mem1.http import background
from mem1.http.guarded.client import Fetch, Fetched, PageClient
from mem1.http.guarded.errors import PageError
from mem1.http.guarded.network import GuardedNetwork
from mem1.http.guarded.urls import Allowed
from mem1.tools.web.doubles.site import SiteDouble, page, sends_on, site_double


@pytest.fixture
def site() -> Iterator[SiteDouble]:
    with site_double() as found:
        yield found


def how(site: SiteDouble, **settings: Any) -> Fetch:
    chosen: dict[str, Any] = {"read": 1.0, "total": 3.0, "retries": 0, "allowed": Allowed(frozenset({site.place}))}
    return Fetch(**(chosen | settings))


def get(url: str, fetch: Fetch, **options: Any) -> Fetched:
    async def go() -> Fetched:
        client = PageClient(fetch)
        try:
            return await client.get(url, **options)
        finally:
            await client.close()

    return background.wait(go())


def reason(url: str, fetch: Fetch, **options: Any) -> str:
    with pytest.raises(PageError) as caught:
        get(url, fetch, **options)
    assert caught.value.__cause__ is None
    assert not caught.value.ends_run
    return caught.value.reason


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/loop", "redirect"),
        ("/nowhere", "redirect"),
        ("/private", "address"),
        ("/metadata", "address"),
        ("/file", "address"),
        ("/slow", "timeout"),
        ("/endless", "size"),
        ("/bomb", "size"),
        ("/deflated-bomb", "size"),
        ("/bomb-twice", "encoding"),
        ("/brotli", "encoding"),
        ("/cut-short", "encoding"),
        ("/busy", "rate"),
        ("/broken", "server"),
        ("/forbidden", "status"),
        ("/not-there", "missing"),
        ("/image", "type"),
    ],
)
def test_what_a_site_should_not_do_has_a_name(site: SiteDouble, path: str, why: str) -> None:
    assert reason(site.url(path), how(site), types={"text/html"}) == why


def test_what_a_packed_page_unpacks_to_is_never_held_beyond_the_limit(site: SiteDouble) -> None:
    import tracemalloc

    site.pages["/bomb"] = page(gzip.compress(bytes(100_000_000)), Content_Encoding="gzip")
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    assert reason(site.url("/bomb"), how(site, limit=100_000, total=30.0, read=30.0)) == "size"
    assert tracemalloc.get_traced_memory()[1] - before < 1_500_000 + 100_000_000 * 0.002
    tracemalloc.stop()


def test_five_redirects_are_followed_and_no_sixth(site: SiteDouble) -> None:
    for i in range(6):
        site.pages[f"/step{i}"] = sends_on(f"/step{i + 1}")
    site.pages["/step6"] = page(b"there")
    assert get(site.url("/step1"), how(site)).url == site.url("/step6")
    assert reason(site.url("/step0"), how(site)) == "redirect"


def test_a_redirect_to_another_port_of_an_allowed_host_is_refused_and_not_connected_to(site: SiteDouble) -> None:
    with site_double() as other:
        site.pages["/there"] = sends_on(other.url("/peru"))
        assert reason(site.url("/there"), how(site)) == "address"
        assert other.asked == []


def test_each_step_of_a_redirect_is_asked_about(site: SiteDouble) -> None:
    seen = []

    async def permit(url: Any) -> None:
        seen.append(url.path)
        if url.path == "/peru":
            raise PageError("not this one", reason="robots")

    assert reason(site.url("/moved"), how(site), permit=permit) == "robots"
    assert seen == ["/moved", "/peru"]
    assert site.asked == ["/moved"]


def test_nothing_of_ours_goes_along(site: SiteDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no cookie of an earlier answer, no referrer, no key; an honest name."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    def with_cookie(talk: BaseHTTPRequestHandler) -> None:
        page(b"", status=302, Location="/peru", Set_Cookie="who=you; Path=/")(talk)

    site.pages["/cookie"] = with_cookie
    get(site.url("/cookie"), how(site, agent="mem1 (about us)"))
    assert site.headers == {
        "host": site.place,
        "user-agent": "mem1 (about us)",
        "accept": site.headers["accept"],
        "accept-encoding": "gzip",
    }


def test_what_passes_is_tried_again_and_a_long_wait_is_not_waited_for(site: SiteDouble) -> None:
    answers = [503, 429, 200]
    site.pages["/x"] = lambda talk: page(b"x", status=answers.pop(0), Retry_After="0")(talk)
    assert get(site.url("/x"), how(site, retries=2, first_wait=0.01)).body == b"x"
    site.asked.clear()
    began = time.monotonic()
    assert reason(site.url("/busy"), how(site, retries=2)) == "rate"  # it asks for an hour
    assert site.asked == ["/busy"]
    assert time.monotonic() - began < 2.0
    site.asked.clear()
    assert reason(site.url("/forbidden"), how(site, retries=2, first_wait=0.01)) == "status"
    assert site.asked == ["/forbidden"]


def test_the_limit_of_time_holds_over_redirects_and_tries(site: SiteDouble) -> None:
    def late(talk: BaseHTTPRequestHandler) -> None:
        time.sleep(0.3)
        sends_on(talk.path + "x")(talk)

    for i in range(8):
        site.pages["/late" + "x" * i] = late
    began = time.monotonic()
    assert reason(site.url("/late"), how(site, total=0.8)) == "timeout"
    assert time.monotonic() - began < 2.0


@pytest.mark.parametrize(
    "raw",
    [
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"b" * 3_000_000 + b"\r\n\r\n",
        b"",
        b"HTTP/1.1 999999 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\xff\xfe: \x00\r\n\r\n",
    ],
)
def test_what_is_no_http_is_a_failed_connection_and_no_error_of_a_library(site: SiteDouble, raw: bytes) -> None:
    def talk_raw(talk: BaseHTTPRequestHandler) -> None:
        talk.wfile.write(raw)
        talk.close_connection = True

    site.pages["/raw"] = talk_raw
    assert reason(site.url("/raw"), how(site)) == "connection"


def test_nobody_there_is_a_failed_connection() -> None:
    with site_double() as gone:
        place = how(gone)
    assert reason(gone.url("/"), place) == "connection"


def test_at_most_two_requests_of_a_host_are_under_way(site: SiteDouble) -> None:
    now, most = [0], [0]

    def busy(talk: BaseHTTPRequestHandler) -> None:
        now[0] += 1
        most[0] = max(most[0], now[0])
        time.sleep(0.05)
        now[0] -= 1
        page(b"x")(talk)

    site.pages["/busy-page"] = busy

    async def many() -> None:
        client = PageClient(how(site, total=10.0))
        await asyncio.gather(*(client.get(site.url("/busy-page")) for _ in range(8)))
        assert client._hosts == {}  # nothing is kept of hosts that nobody asks
        await client.close()

    background.wait(many())
    assert most[0] == 2


# ---------------------------------------------------------------- names that resolve to what they should not


NOBODY = Allowed()


def connect(answers: list[list[str]], allowed: Allowed = NOBODY) -> tuple[list[str], list[str]]:
    """What is connected to when a name resolves to ``answers`` in turn, one connection after the other; and why not."""
    connected: list[str] = []
    refused: list[str] = []

    class Wires(httpcore.AsyncNetworkBackend):
        async def connect_tcp(self, host: str, *args: object, **named: object) -> httpcore.AsyncNetworkStream:
            connected.append(host)
            raise httpcore.ConnectError("no wires here")

    left = list(answers)

    async def resolve(host: str, port: int) -> list[str]:
        return left.pop(0)

    async def go() -> None:
        network = GuardedNetwork(allowed, resolve, Wires())
        while left:
            try:
                await network.connect_tcp("rebind.example", 80, 1.0)
            except PageError as error:
                refused.append(error.reason)
            except httpcore.ConnectError:
                continue

    asyncio.run(go())
    return connected, refused


def test_a_name_that_changes_its_mind_is_checked_at_each_connection_and_resolved_once_for_it() -> None:
    assert connect([["8.8.8.8"], ["127.0.0.1"], ["8.8.4.4"]]) == (["8.8.8.8", "8.8.4.4"], ["address"])


@pytest.mark.parametrize("bad", ["127.0.0.1", "10.0.0.1", "::1", "::ffff:169.254.169.254", "fe80::1%eth0", "nonsense"])
def test_one_address_that_is_not_public_spoils_the_name(bad: str) -> None:
    assert connect([["8.8.8.8", bad]]) == ([], ["address"])
    assert connect([[bad, "8.8.8.8"]]) == ([], ["address"])


def test_all_addresses_of_a_name_are_tried() -> None:
    assert connect([["8.8.8.8", "2606:4700::1111"]]) == (["8.8.8.8", "2606:4700::1111"], [])


def test_a_name_without_an_address_is_no_connection() -> None:
    assert connect([[]]) == ([], [])


def test_a_name_that_is_resolved_for_too_long_is_given_up(site: SiteDouble) -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.sleep(60)
        return []

    async def go() -> None:
        client = PageClient(how(site, connect=0.1), resolve=never)
        with pytest.raises(PageError) as caught:
            await client.get(site.url("/peru"))
        assert caught.value.reason == "timeout"
        await client.close()

    background.wait(go())


def test_the_site_knows_its_name_and_the_wire_the_checked_address(site: SiteDouble) -> None:
    """Two names on one machine get a connection each, with a Host of their own."""
    seen: list[str] = []

    def who(talk: BaseHTTPRequestHandler) -> None:
        seen.append(talk.headers["Host"])
        page(b"x")(talk)

    site.pages["/who"] = who
    names = frozenset({f"one.example:{site.port}", f"two.example:{site.port}"})

    async def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    async def go() -> None:
        client = PageClient(how(site, allowed=Allowed(names)), resolve=here)
        for name in ("one", "two"):
            await client.get(f"http://{name}.example:{site.port}/who")
        assert len(client._pool.connections) == 2
        await client.close()

    background.wait(go())
    assert seen == [f"one.example:{site.port}", f"two.example:{site.port}"]
