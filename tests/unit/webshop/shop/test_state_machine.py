"""Pages, what can be clicked on them, and where a click leads."""

from __future__ import annotations

import pytest

from mem1.webshop.shop.kinds import Mode
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.state_machine import START, Machine, Page, State
from tests.unit.webshop.shop.shops import shop

STRICT, COMPAT = shop().machine, shop("compat").machine


def after(machine: Machine, *actions: Search | str, start: State = START) -> State:
    state = start
    for action in actions:
        state = machine.after(state, Click(target=action) if isinstance(action, str) else action)
    return state


LAMP = Search(query="Lamp")


def test_a_whole_visit() -> None:
    state = after(STRICT, LAMP, "next >", "w12", "blue", "8", "red", "features", "< prev", "buy now")
    assert state.page is Page.DONE
    assert state.asin == "W12"
    assert dict(state.options) == {"color": "red", "size": "8"}
    assert state.words == "lamp"
    assert state.visited == {"W12"}


@pytest.mark.parametrize(
    ("actions", "page", "clickables"),
    [
        ((), Page.START, ("search",)),
        ((LAMP,), Page.RESULTS, ("back to search", "next >", *(f"w{i:02}" for i in range(10)))),
        ((LAMP, "next >"), Page.RESULTS, ("back to search", "< prev", "next >", *(f"w{i}" for i in range(10, 20)))),
        ((LAMP, "w03"), Page.ITEM, ("back to search", "< prev", "description", "features", "reviews", "buy now",
                                    "red", "blue", "8", "8.5", "one size")),
        ((LAMP, "w03", "description"), Page.DESCRIPTION, ("back to search", "< prev")),
        ((LAMP, "w03", "features"), Page.FEATURES, ("back to search", "< prev")),
        ((LAMP, "w03", "reviews"), Page.REVIEWS, ("back to search", "< prev")),
        ((LAMP, "w03", "buy now"), Page.DONE, ()),
    ],
)  # fmt: skip
@pytest.mark.parametrize("machine", [STRICT, COMPAT], ids=["strict", "compat"])
def test_pages(machine: Machine, actions: tuple[Search | str, ...], page: Page, clickables: tuple[str, ...]) -> None:
    state = after(machine, *actions)
    assert state.page is page
    assert machine.clickables(state) == clickables


def test_the_last_results_page() -> None:
    assert STRICT.clickables(after(STRICT, LAMP, "next >", "next >"))[:3] == ("back to search", "< prev", "w20")
    assert COMPAT.clickables(after(COMPAT, LAMP, "next >", "next >"))[:4] == (
        "back to search", "< prev", "next >", "w20",
    )  # fmt: skip
    beyond = after(COMPAT, LAMP, "next >", "next >", "next >")
    assert COMPAT.clickables(beyond) == ("back to search", "< prev", "next >")  # an empty page


def test_nothing_found() -> None:
    nothing = Search(query="chair")
    assert STRICT.clickables(after(STRICT, nothing)) == ("back to search",)
    assert COMPAT.clickables(after(COMPAT, nothing)) == ("back to search", "next >")


@pytest.mark.parametrize(
    ("actions", "target"),
    [((), "search"), ((), "w01"), ((), "buy now"), ((LAMP,), "w15"), ((LAMP,), "< prev"), ((LAMP,), "buy now"),
     ((LAMP, "w01"), "w02"), ((LAMP, "w01"), "8."), ((LAMP, "w01", "features"), "buy now"), ((LAMP,), "")],
)  # fmt: skip
def test_what_the_page_does_not_offer_changes_nothing(actions: tuple[Search | str, ...], target: str) -> None:
    state = after(STRICT, *actions)
    assert STRICT.after(state, Click(target=target)) is state


def test_where_a_search_is_taken() -> None:
    item = after(STRICT, LAMP, "w01", "red")
    assert STRICT.after(item, LAMP) is item
    assert STRICT.after(START, Search(query="  ")) is START
    again = COMPAT.after(item, LAMP)
    assert (again.page, again.asin, dict(again.options), set(again.visited)) == (Page.RESULTS, None, {}, {"W01"})


def test_strict_buys_once() -> None:
    done = after(STRICT, LAMP, "w01", "buy now")
    for action in (LAMP, Click(target="buy now"), Click(target="back to search"), Click(target="w01")):
        assert STRICT.after(done, action) is done


def test_going_back() -> None:
    results = after(STRICT, LAMP, "next >", "w12", "red", "< prev")
    assert (results.page, results.number, dict(results.options)) == (Page.RESULTS, 2, {})
    assert after(STRICT, "< prev", start=results).number == 1
    assert after(STRICT, "back to search", start=results) == START
    assert dict(after(STRICT, "w12", start=results).options) == {}


def test_case_does_not_matter() -> None:
    assert after(STRICT, LAMP, "W01", "RED", "Buy Now").page is Page.DONE


@pytest.mark.parametrize(
    ("mode", "once", "twice"),
    [("strict", {"size": "one size"}, {"size": "one size", "style": "one size"}),
     ("compat", {"style": "one size"}, {"style": "one size"})],
)  # fmt: skip
def test_equal_values_of_two_options(mode: Mode, once: dict[str, str], twice: dict[str, str]) -> None:
    machine = shop(mode).machine
    assert dict(after(machine, LAMP, "w01", "one size").options) == once
    assert dict(after(machine, LAMP, "w01", "one size", "one size").options) == twice


def test_there_is_no_product_on_the_start_page() -> None:
    with pytest.raises(ValueError, match="no product on the page start"):
        STRICT.product(START)
