"""What a site wants of programs, asked once and through the guard."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest

from mem1.http import background
from mem1.http.guarded.client import Fetch, PageClient
from mem1.http.guarded.errors import PageError
from mem1.http.guarded.robots import Robots
from mem1.http.guarded.urls import Allowed
from mem1.tools.web.doubles.site import SiteDouble, site_double
from mem1.tools.web.pages.reader import rules


@pytest.fixture
def site() -> Iterator[SiteDouble]:
    with site_double() as found:
        yield found


def refused(site: SiteDouble, *paths: str, agent: str = "mem1") -> list[str]:
    """The paths that are not to be fetched."""

    async def go() -> list[str]:
        client = PageClient(Fetch(total=2.0, retries=0, allowed=Allowed(frozenset({site.place}))))
        robots = Robots(client, lambda text: rules(text, agent))
        found = []
        for path in paths:
            try:
                await robots.permit(httpx.URL(site.url(path)))
            except PageError as error:
                found.append(path if error.reason == "robots" else error.reason)
        await client.close()
        return found

    return background.wait(go())


def test_a_site_is_asked_once_and_followed(site: SiteDouble) -> None:
    site.robots = (200, b"User-agent: *\nDisallow: /private\nAllow: /private/open\n")
    assert refused(site, "/", "/private/x", "/private/open", "/robots.txt") == ["/private/x"]
    assert site.asked == ["/robots.txt"]


@pytest.mark.parametrize(("status", "denied"), [(404, False), (403, False), (410, False), (500, True), (429, True)])
def test_no_file_allows_and_a_site_that_fails_denies(site: SiteDouble, status: int, denied: bool) -> None:
    site.robots = (status, b"")
    assert refused(site, "/x") == (["/x"] if denied else [])


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        (b"\xef\xbb\xbfUser-agent: *\nDisallow: /", True),
        (b"User-agent: mem1\nDisallow: /", True),
        (b"User-agent: mem1bot\nDisallow: /", False),
        (b"User-agent: other\nDisallow: /", False),
        (b"User-agent: *\rDisallow: /", True),
        (b"<html><body>not found</body></html>", False),
        (b"User-agent: *\nCrawl-delay: 1000000000\n", False),
        (b"\xff\xfe\x00", False),
        (b"", False),
    ],
)
def test_files_as_they_are_found(site: SiteDouble, text: bytes, denied: bool) -> None:
    site.robots = (200, text)
    assert refused(site, "/x") == (["/x"] if denied else [])


def test_of_a_file_without_an_end_the_beginning_counts(site: SiteDouble) -> None:
    site.robots = (200, b"User-agent: *\nDisallow: /x\n" + b"# and on\n" * 400_000)
    assert refused(site, "/x", "/y") == ["/x"]


def test_robots_txt_goes_through_the_same_guard(site: SiteDouble) -> None:
    async def go() -> None:
        client = PageClient(Fetch(total=2.0, retries=0, allowed=Allowed()))
        robots = Robots(client, lambda text: rules(text, "mem1"))
        with pytest.raises(PageError) as caught:
            await client.get(site.url("/x"), permit=robots.permit)
        assert caught.value.reason == "address"
        await robots.permit(httpx.URL(site.url("/x")))
        await client.close()

    background.wait(go())
    assert site.asked == []


def test_many_that_ask_at_the_same_time_ask_once(site: SiteDouble) -> None:
    site.robots = (200, b"")

    async def go() -> None:
        client = PageClient(Fetch(total=5.0, allowed=Allowed(frozenset({site.place}))))
        robots = Robots(client, lambda text: rules(text, "mem1"))
        await asyncio.gather(*(robots.permit(httpx.URL(site.url(f"/{i}"))) for i in range(20)))
        await client.close()

    background.wait(go())
    assert site.asked == ["/robots.txt"]


@pytest.mark.parametrize("location", ["http://127.0.0.1:{port}/", "http://169.254.169.254/", "http://[::1]/"])
def test_a_robots_txt_elsewhere_on_a_private_host_is_not_asked_for(site: SiteDouble, location: str) -> None:
    with site_double() as other:
        site.robots_at = location.format(port=other.port)
        assert refused(site, "/x") == []
        assert other.asked == []
