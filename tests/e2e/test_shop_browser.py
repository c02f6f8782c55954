"""The shop's page in a real browser: a purchase by clicks and keys, and nothing that a product says runs."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from mem1.webshop.reward.nouns import content_words
from mem1.webshop.shop.state_machine import Machine
from mem1.webshop.shop.visit import Shop
from mem1.webshop.site.app import make_app
from mem1.webshop.site.config import SiteConfig
from mem1.webshop.site.pages import Site
from mem1.webshop.site.sessions import Sessions
from tests.unit.webshop.shop.shops import Shelf, goal, product, shop

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
HOSTILE = (
    "</title></button><script>document.title='stolen'</script><img src=\"http://127.0.0.1:9/x\" "
    "onerror=\"document.title='stolen'\"><style>body{display:none}</style><meta http-equiv=refresh content=0;url=/x>"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@contextmanager
def served(of: Shop, *goals: Any) -> Iterator[str]:
    """The shop on a free port of this machine."""
    site = Site(Sessions(of, goals, SiteConfig()), "test", 10)
    settings = uvicorn.Config(make_app(site, SiteConfig()), port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join()


@contextmanager
def person(browser: Browser, **settings: Any) -> Iterator[tuple[Page, list[str]]]:
    """A browser window of somebody's own, and what it asked for, complained about or was asked by the page."""
    context = browser.new_context(**settings)
    page = context.new_page()
    page.set_default_timeout(60_000)
    seen: list[str] = []
    page.on("console", lambda message: seen.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: seen.append(f"error: {error}"))
    page.on("dialog", lambda dialog: seen.append(f"dialog: {dialog.message}"))
    page.on("request", lambda request: seen.append(request.url))
    yield page, seen
    context.close()


def test_a_purchase_by_clicks_then_the_next_errand(browser: Browser) -> None:
    with served(shop(), goal(), goal(instruction="Find me a second lamp")) as address, person(browser) as (page, seen):
        page.goto(address)
        page.click("text=Start shopping")
        assert page.inner_text(".wish") == "Find me a lamp"
        page.keyboard.type("a lamp")  # the search bar has the focus
        page.keyboard.press("Enter")
        page.wait_for_selector("text=25 found, page 1")
        page.click("text=Next >")
        page.click("text=< Prev")
        page.locator(".hits button").nth(3).click()
        page.wait_for_selector("article.item")
        assert page.inner_text("article .asin").startswith("W03")
        page.click(".value:text-is('red')")
        page.click(".value:text-is('8.5')")
        page.wait_for_selector(".value[aria-pressed=true]:text-is('8.5')")
        assert page.locator(".value[aria-pressed=true]").all_inner_texts() == ["red", "8.5"]
        page.click("text=Features")
        page.wait_for_selector("h2:text-is('Features')")
        assert page.locator(".texts li").all_inner_texts() == ["Led light", "Easy use"]
        page.click("text=< Prev")
        page.click("text=Buy Now")
        page.wait_for_selector("article.done")
        assert page.inner_text("h1") == "1.00 Exactly what was asked for"
        assert page.locator("tbody td:last-child").all_inner_texts() == ["yes"] * 5
        page.keyboard.press("Enter")  # "next errand" has the focus
        page.wait_for_selector("text=Find me a second lamp")
        assert page.inner_text(".tally").split() == ["Bought", "1", "Score", "100.0", "Step", "0", "of", "10"]
        assert all(one.startswith(address) for one in seen)


def test_two_people_and_a_page_that_is_too_old(browser: Browser) -> None:
    with served(shop(), goal()) as address, person(browser) as (one, _), person(browser) as (two, _):
        for page in (one, two):
            page.goto(address)
            page.click("text=Start shopping")
        one.fill("input[type=search]", "lamp")
        one.keyboard.press("Enter")
        one.wait_for_selector(".hits")
        two.reload()
        assert two.locator(".hits").count() == 0
        tab = one.context.new_page()
        tab.goto(address)
        one.locator(".hits button").first.click()
        one.wait_for_selector("article.item")
        tab.locator(".hits button").nth(1).click()
        assert "older page" in tab.inner_text(".notice")
        assert tab.inner_text("article .asin").startswith("W00")
        one.go_back()  # no click of the shop's: it leads to the page that the person is on
        assert one.inner_text("article .asin").startswith("W00")


@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_strangers_wrote_is_shown_and_does_not_run(browser: Browser, width: int, scheme: str) -> None:
    long = "x" * 300
    named = product("W00", title=HOSTILE, description=HOSTILE, options={HOSTILE: (HOSTILE.lower(), long)})
    machine = Machine({"W00": named}, Shelf(("W00",)))
    asked = goal(instruction=HOSTILE, attributes=(HOSTILE.lower(),), options=(long,), option_names=(HOSTILE,))
    settings = {"viewport": {"width": width, "height": 800}, "color_scheme": scheme}
    with (
        served(Shop(machine, {"W00": 20.0}, content_words, "hostile"), asked) as address,
        person(browser, **settings) as (page, seen),
    ):

        def harmless() -> None:
            assert page.title().endswith(" · mem1")
            assert page.evaluate("document.images.length + document.scripts.length") == 0
            assert page.is_visible(".wish")
            assert "<script>" in page.inner_text(".wish")
            assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing hangs over the edge

        page.goto(address)
        page.click("text=Start shopping")
        harmless()
        page.fill("input[type=search]", f"lamp {HOSTILE[:80]}")
        page.keyboard.press("Enter")
        page.wait_for_selector(".hits")
        harmless()
        page.locator(".hits button").first.click()
        page.wait_for_selector("article.item")
        harmless()
        page.locator(".value").first.click()
        page.wait_for_selector(".value[aria-pressed=true]")
        page.click("text=Description")
        page.wait_for_selector("h2")
        harmless()
        page.click("text=< Prev")
        page.click("text=Buy Now")
        page.wait_for_selector("article.done")
        harmless()
        assert all(one.startswith(address) for one in seen)
