"""The shop's web pages: the same states as the machine's, for several people at once, whatever products are called."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from html import unescape

import pytest
from starlette.testclient import TestClient

from mem1.webshop.reward.nouns import content_words
from mem1.webshop.shop.kinds import Mode
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.state_machine import Machine, Page
from mem1.webshop.shop.visit import Shop
from mem1.webshop.site.app import COOKIE, make_app
from mem1.webshop.site.config import SiteConfig
from mem1.webshop.site.pages import Site, bill
from mem1.webshop.site.sessions import Customer, FullError, Sessions
from tests.unit.webshop.shop.shops import Shelf, goal, product, shop, visit

HOSTILE = "\"><script>document.title='stolen'</script><img src=x onerror=alert(1)> {{ 7*7 }} \u202etxet\x00 \ud800"
GOALS = [goal(), goal(asin="W01", instruction="Find me another lamp")]


def site(of: Shop | None = None, config: SiteConfig | None = None, clock: Callable[[], float] = lambda: 0.0) -> Site:
    return Site(Sessions(of or shop(), GOALS, config or SiteConfig(), clock), "test", 10)


def browser(of: Site, config: SiteConfig | None = None) -> TestClient:
    return TestClient(make_app(of, config or SiteConfig()), base_url="http://localhost")


def customer_of(of: Site, client: TestClient) -> Customer:
    found = of.sessions.find(client.cookies[COOKIE])
    assert found is not None
    return found


def pressed(client: TestClient, page: str, text: str) -> str:
    """Click the button with that text on ``page``; the page that follows."""
    shown = {unescape(re.sub("<[^>]*>", " ", inner)).strip(): position for position, inner in buttons(page)}
    return client.post("/click", data={"version": version(page), "thing": shown[text]}).text


def buttons(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<button form="act" name="thing" value="(\d+)"[^>]*>(.*?)</button>', page, re.DOTALL)


def version(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found is not None
    return found[1]


def test_a_purchase_and_what_it_was_worth() -> None:
    of = site()
    client = browser(of)
    assert "Start shopping" in client.get("/").text
    page = client.post("/start").text
    assert "Find me a lamp" in page
    assert "Errand 1 of 2" in page
    page = client.post("/search", data={"version": version(page), "words": "lamp"}).text
    assert "25 found" in page
    page = pressed(client, page, "Next >")
    assert "page 2" in page
    page = pressed(client, page, "< Prev")
    page = client.post("/click", data={"version": version(page), "thing": buttons(page)[1][0]}).text
    assert "Desk Lamp" in page
    page = pressed(client, page, "Features")
    assert "Led light" in page
    page = pressed(client, page, "< Prev")
    page = pressed(client, page, "red")
    assert 'aria-pressed="true">red<' in page
    page = pressed(client, page, "Buy Now")
    # attributes 2 of 2, options 1 of 2, price 1 of 1: 4 of 5, of the right kind.
    assert "4 of 5 met, times 1" in page
    assert "<span>0.80</span>" in page
    assert customer_of(of, client).rewards == [0.8]
    assert customer_of(of, client).steps == 8
    page = client.post("/goal", data={"goal": "2"}).text
    assert "Find me another lamp" in page
    assert "Score <b>80.0</b>" in page


def test_the_bill_names_what_was_met() -> None:
    of = visit()
    for action in (Search(query="lamp"), Click(target="w02"), Click(target="blue"), Click(target="8.5")):
        assert of.do(action)
    assert of.do(Click(target="buy now"))
    assert of.reward is not None
    assert [(line.what, line.asked, line.met) for line in bill(of, of.reward)] == [
        ("property", "led light", True),
        ("property", "easy use", True),
        ("color", "red", False),
        ("size", "8.5", True),
        ("price", "below $30.00", False),
    ]


@pytest.mark.parametrize("mode", ["strict", "compat"])
def test_pages_offer_exactly_what_the_machine_offers(mode: Mode) -> None:
    of = site(shop(mode))
    client = browser(of)
    page = client.post("/start").text
    rng = random.Random(0)
    seen = set()
    for _ in range(150):
        customer = customer_of(of, client)
        state = customer.visit.state
        seen.add(state.page)
        offered = [position for position, one in enumerate(customer.visit.clickables) if one != "search"]
        shown = [int(position) for position, _ in buttons(page)]
        assert set(shown) == set(offered)
        assert ('action="search"' in page) == (of.sessions.shop.machine.can_search(state) and not customer.visit.done)
        if not offered:
            sent = "/goal" if customer.visit.done else "/search"
            page = client.post(sent, data={"version": version(page), "words": "lamp", "goal": "1"}).text
        else:
            page = client.post("/click", data={"version": version(page), "thing": str(rng.choice(shown))}).text
    assert seen == set(Page) - {Page.ATTRIBUTES}


@pytest.mark.parametrize("mode", ["strict", "compat"])
def test_after_a_purchase_nothing_more_is_done(mode: Mode) -> None:
    of = site(shop(mode))
    client = browser(of)
    page = client.post("/start").text
    page = client.post("/search", data={"version": version(page), "words": "lamp"}).text
    page = client.post("/click", data={"version": version(page), "thing": buttons(page)[1][0]}).text
    page = pressed(client, page, "Buy Now")
    again = client.post("/search", data={"version": version(page), "words": "lamp"}).text
    assert "not possible on this page" in again
    assert "Thank you for shopping" in again
    assert len(customer_of(of, client).rewards) == 1


def test_people_do_not_meet() -> None:
    of = site()
    one, two = browser(of), browser(of)
    one.post("/start")
    page = two.post("/start").text
    two.post("/search", data={"version": version(page), "words": "lamp"})
    assert "What are you looking for?" in one.get("/").text
    assert "25 found" in two.get("/").text
    assert len(of.sessions) == 2
    assert one.cookies[COOKIE] != two.cookies[COOKIE]


def test_an_older_page_does_nothing() -> None:
    of = site()
    client = browser(of)
    old = client.post("/start").text
    page = client.post("/search", data={"version": version(old), "words": "lamp"}).text
    stale = client.post("/search", data={"version": version(old), "words": "nothing"}).text
    assert "You acted on an older page" in stale
    assert "25 found" in stale
    assert version(stale) == version(page)
    assert "You acted" not in client.get("/").text


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("/search", {"version": "0", "words": "  "}, "Write what to search for."),
        ("/click", {"version": "0", "thing": "77"}, "not possible on this page"),
        ("/click", {"version": "0", "thing": "-1"}, "not possible on this page"),
        ("/click", {"version": "0", "thing": "²"}, "not possible on this page"),
        ("/click", {"version": "0", "thing": "0"}, "not possible on this page"),  # "search" alone says nothing
        ("/click", {}, "You acted on an older page"),
        ("/goal", {"goal": "3"}, "numbered 1 to 2"),
        ("/goal", {"goal": "9" * 5000}, "numbered 1 to 2"),
    ],
)
def test_nonsense_is_told_and_changes_nothing(path: str, fields: dict[str, str], said: str) -> None:
    of = site()
    client = browser(of)
    client.post("/start")
    page = client.post(path, data=fields).text
    assert said in page
    customer = customer_of(of, client)
    assert (customer.steps, customer.version, customer.visit.state.page) == (0, 0, Page.START)


def test_a_shop_has_room_for_so_many() -> None:
    now = 0.0
    config = SiteConfig(max_sessions=2, idle_minutes=1)
    sessions = Sessions(shop(), GOALS, config, lambda: now)
    first, second = sessions.enter(), sessions.enter()
    assert sessions.find(second.id) is second
    now = 30.0
    assert sessions.find(first.id) is first
    with pytest.raises(FullError):
        sessions.enter()
    now = 61.0  # the second was last seen a minute ago, the first 31 seconds ago
    third = sessions.enter()
    assert len(sessions) == 2
    assert sessions.find(second.id) is None
    assert sessions.find(first.id) is first
    assert sessions.find(third.id) is third


def test_who_finds_no_room_is_told_and_who_was_ended_too() -> None:
    config = SiteConfig(max_sessions=1)
    of = site(config=config)
    client = browser(of, config)
    client.post("/start")
    late = browser(of, config)
    answer = late.post("/start")
    assert answer.status_code == 503
    assert "room for 1 people" in answer.text
    gone = TestClient(make_app(of, config), base_url="http://localhost", cookies={COOKIE: "x" * 32})
    assert "Your visit has ended" in gone.get("/").text
    assert "Your visit has ended" in gone.post("/click", data={"version": "0", "thing": "0"}).text


def test_texts_of_strangers_stay_texts() -> None:
    named = product(
        "W00", title=HOSTILE, description=HOSTILE, bullets=(HOSTILE,), options={HOSTILE: (HOSTILE.lower(), "x")}
    )
    machine = Machine({"W00": named}, Shelf(("W00",)))
    goals = [goal(instruction=HOSTILE, attributes=(HOSTILE,), options=(HOSTILE.lower(),), option_names=(HOSTILE,))]
    of = Site(Sessions(Shop(machine, {"W00": 20.0}, content_words, HOSTILE), goals, SiteConfig()), "test", 10)
    client = browser(of)
    pages = [client.post("/start").text]
    pages.append(client.post("/search", data={"version": "0", "words": f"lamp {HOSTILE[:60]}"}).text)
    pages.append(client.post("/click", data={"version": "1", "thing": buttons(pages[-1])[1][0]}).text)
    option = next(position for position, inner in buttons(pages[-1]) if "stolen" in inner)
    pages.append(client.post("/click", data={"version": "2", "thing": option}).text)
    assert 'aria-pressed="true"' in pages[-1]
    for name in ("Description", "< Prev", "Features", "< Prev", "Buy Now"):
        pages.append(pressed(client, pages[-1], name))
    assert "Thank you" in pages[-1]
    for page in pages:
        assert "stolen" in page
        assert "<script" not in page
        assert "<img" not in page
        assert "49" not in page
        assert "\u202e" not in page
        assert "[U+202E]" in page


def test_headers_forbid_everything_but_our_style_and_forms() -> None:
    client = browser(site())
    for path in ("/", "/static/shop.css", "/static/icon.svg", "/static/../app.py", "/static/app.py", "/nothing"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
        assert "script-src" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
    cookie = client.post("/start", follow_redirects=False).headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    page = client.get("/").text
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", page)
    assert "style=" not in page


def test_forms_of_other_sites_other_names_and_large_bodies_are_refused() -> None:
    of = site()
    client = browser(of)
    assert client.post("/start", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert client.post("/search", content=b"x" * 70_000).status_code == 413
    assert client.get("/click").status_code == 405
    assert len(of.sessions) == 0
    everywhere = SiteConfig(host="0.0.0.0")
    assert TestClient(make_app(of, everywhere), base_url="http://10.0.0.7").get("/").status_code == 200
    assert TestClient(make_app(of, everywhere), base_url="http://shop.example").get("/").status_code == 421
    named = SiteConfig(host="0.0.0.0", allowed_hosts="shop.example, other.example")
    assert TestClient(make_app(of, named), base_url="http://shop.example").get("/").status_code == 200


def test_who_keeps_no_cookies_takes_nobodys_place() -> None:
    of = site(config=SiteConfig(max_sessions=3))
    people = [browser(of) for _ in range(2)]
    for person in people:
        person.post("/start")  # the redirect leads back with the cookie
    for _ in range(50):
        assert browser(of).post("/start", follow_redirects=False).status_code == 303
    assert all("Find me a lamp" in person.get("/").text for person in people)
    assert len(of.sessions) == 3
    newcomer = browser(of)
    assert "Find me a lamp" in newcomer.post("/start").text
    with pytest.raises(FullError):
        of.sessions.enter()


def test_the_words_of_the_last_search_are_kept_on_the_start_page_until_the_next_errand() -> None:
    of = site()
    client = browser(of)
    page = client.post("/start").text
    page = client.post("/search", data={"version": version(page), "words": "Lamp & <co>"}).text
    back = customer_of(of, client).visit.clickables.index("back to search")
    page = client.post("/click", data={"version": version(page), "thing": str(back)}).text
    assert 'value="Lamp &amp; &lt;co&gt;"' in page
    page = client.post("/search", data={"version": version(page), "words": "  "}).text
    assert 'value="Lamp &amp; &lt;co&gt;"' in page
    page = client.post("/goal", data={"version": version(page), "goal": "2"}).text
    assert "Lamp &amp;" not in page


def test_an_address_offers_an_errand_and_a_press_takes_it_up() -> None:
    of = site()
    stranger = browser(of)
    page = stranger.get("/?goal=2").text
    assert "<b>Errand 2:</b> Find me another lamp" in page
    assert len(of.sessions) == 0  # an address alone lets nobody in
    answer = stranger.post("/start", data={"goal": "2"}, follow_redirects=False)
    assert answer.headers["location"] == "./?goal=2"
    customer = customer_of(of, stranger)
    assert (customer.number, customer.visit.goal.asin) == (1, "W01")
    assert "Find it in the shop" in stranger.get("/?goal=2").text
    page = stranger.get("/").text
    answer = stranger.post("/search", data={"version": version(page), "words": "lamp"}, follow_redirects=False)
    assert answer.headers["location"] == "./?goal=2&page=1"
    # The address of a page of one's own leads to where one is, another errand's to a question.
    assert "25 found" in stranger.get("/?goal=1&page=1").text
    assert "<b>Errand 1:</b> Find me a lamp" in stranger.get("/?goal=1").text
    assert customer.number == 1
    stranger.post("/start", data={"goal": "1"})
    assert customer.number == 0


@pytest.mark.parametrize("goal", ["0", "3", "x", "-1", "99999999999", "1e3", ""])
def test_an_errand_that_is_not_there_is_not_offered(goal: str) -> None:
    page = browser(site()).get(f"/?goal={goal}").text
    assert "Errand" not in page.replace("errands", "")
    assert "Start shopping" in page


def test_pictures_are_shown_only_where_they_are_allowed() -> None:
    images = {
        "W00": "https://pictures.example/a.jpg",
        "W01": "http://plain.example/b.jpg",
        "W02": 'https://x"><script>',
    }
    products = {asin: product(asin, image=image) for asin, image in images.items()}
    of = Shop(Machine(products, Shelf(tuple(products))), dict.fromkeys(products, 20.0), content_words, "pictures")
    for allowed in (False, True):
        config = SiteConfig(pictures=allowed)
        client = browser(site(of, config), config)
        page = client.post("/start").text
        answer = client.post("/search", data={"version": version(page), "words": "lamp"})
        rule = "img-src 'self' https:" if allowed else "img-src 'self';"
        assert rule in answer.headers["content-security-policy"]
        assert ('src="https://pictures.example/a.jpg"' in answer.text) is allowed
        assert "plain.example" not in answer.text
        assert "<script>" not in answer.text
        item = client.post("/click", data={"version": version(answer.text), "thing": "1"}).text
        assert ("pictures.example" in item) is allowed
