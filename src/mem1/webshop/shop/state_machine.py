"""The shop as a state machine: pages, what can be clicked on them, and where a click leads.

A ``State`` is everything about a visit; ``Machine.after`` is a pure function from a state and an action to the next
state. Source of the behaviour: princeton-nlp/WebShop, text environment.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property, lru_cache
from types import MappingProxyType

from mem1.webshop.catalogue.products import Product
from mem1.webshop.shop.kinds import Mode
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.search import ProductSearch

PAGE_SIZE = 10


class Page(StrEnum):
    """Where a customer can be."""

    START = "start"
    RESULTS = "results"
    ITEM = "item"
    DESCRIPTION = "description"
    FEATURES = "features"
    REVIEWS = "reviews"
    ATTRIBUTES = "attributes"
    DONE = "done"


class Button(StrEnum):
    """What stands on the buttons."""

    SEARCH = "Search"
    BACK = "Back to Search"
    PREVIOUS = "< Prev"
    NEXT = "Next >"
    DESCRIPTION = "Description"
    FEATURES = "Features"
    REVIEWS = "Reviews"
    ATTRIBUTES = "Attributes"
    BUY = "Buy Now"


SUB_PAGES = {
    Button.DESCRIPTION: Page.DESCRIPTION,
    Button.FEATURES: Page.FEATURES,
    Button.REVIEWS: Page.REVIEWS,
    Button.ATTRIBUTES: Page.ATTRIBUTES,
}


_KINDS = ("search_results", "item_page", "item_sub_page", "done")
_ITEM_BUTTONS = frozenset(button.lower() for button in (Button.BACK, Button.PREVIOUS, *SUB_PAGES, Button.BUY))
_SEARCH = Button.SEARCH.lower()
_PRESSED = frozenset(
    (_SEARCH, Button.ATTRIBUTES.lower())
)  # options of these names are no options in the published code


@dataclass(frozen=True, slots=True)
class State:
    """One moment of a visit.

    ``found`` are the asins of the last search, ``number`` the results page (from 1), ``options`` what was chosen for
    the product, ``visited`` the products looked at since the start page.
    """

    page: Page = Page.START
    words: str = ""
    found: tuple[str, ...] = ()
    number: int = 1
    asin: str | None = None
    options: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    visited: frozenset[str] = frozenset()

    def __reduce__(self) -> tuple[type[State], tuple[object, ...]]:
        """As it is made, since what cannot be changed cannot be pickled."""
        made = (self.page, self.words, self.found, self.number, self.asin, dict(self.options), self.visited)
        return State, made

    @property
    def address(self) -> str:
        """The published address of the page, behind the session's name; the published rules look into it."""
        words = "+".join(self.words.split(" "))
        match self.page:
            case Page.START:
                return ""
            case Page.RESULTS:
                return f"search_results//{words}/{self.number}"
            case Page.ITEM:
                return f"item_page//{self.asin}/{words}/{self.number}/{json.dumps(dict(self.options))}"
            case Page.DONE:
                return f"done//{self.asin}/{dict(self.options)}"
            case page:
                return f"item_sub_page//{self.asin}/{words}/{self.number}/{page.capitalize()}/{dict(self.options)}"

    @property
    def shown(self) -> tuple[str, ...]:
        """The asins on this results page."""
        return self.found[(self.number - 1) * PAGE_SIZE : self.number * PAGE_SIZE]


START = State()


class Machine:
    """The rules of one shop.

    ``strict``: a search starts from the start page only, "Next >" stands only where there are more results.
    ``compat`` keeps what the published environment does: a search is taken on every page, "Next >" is always there,
    and of two equal option values of different names the last one is set; "< Prev" leads from a product where the
    words of its address say; a search for "<c> category" or "<q> label" finds what has that label. An option that is
    named like a button of its page cannot be chosen there: the button is pressed; ``strict`` writes it with its name,
    "view: description". ``tab``: products have the tab "Attributes", which shows what the reward looks for.
    """

    def __init__(
        self, products: Mapping[str, Product], search: ProductSearch, mode: Mode = "strict", *, tab: bool = False
    ) -> None:
        self.products = products
        self.search = search
        self.mode = mode
        self.tabs = tuple(button for button in SUB_PAGES if tab or button is not Button.ATTRIBUTES)
        self._option_names = lru_cache(maxsize=4096)(self._names_of_values)

    @cached_property
    def signs(self) -> frozenset[str]:
        """Every character that a product's texts hold."""
        found: set[str] = set()
        for one in self.products.values():
            found.update(one.title, one.description, one.category, one.query, one.product_category, one.asin.lower())
            found.update(*one.bullets, *one.attributes, one.instruction or "")
            for name, values in one.options.items():
                found.update(name, *values)
        return frozenset(found)

    @cached_property
    def longest(self) -> int:
        """Characters of the longest thing that can be clicked."""
        values = (
            self.written(name, value) for p in self.products.values() for name, vs in p.options.items() for value in vs
        )
        return max((len(value) for value in values), default=0)

    def product(self, state: State) -> Product:
        """The product that is looked at. Raises ``ValueError`` where there is none."""
        if state.asin is None:
            raise ValueError(f"there is no product on the page {state.page}")
        return self.products[state.asin]

    def can_search(self, state: State) -> bool:
        """Whether a search would be taken."""
        return state.page is Page.START or self.mode == "compat"

    @staticmethod
    def search_bar(state: State) -> bool:
        """Whether the page shows a search bar: the start page alone has one."""
        return state.page is Page.START

    def buttons(self, state: State) -> tuple[Button, ...]:
        """The buttons on the page, in order."""
        match state.page:
            case Page.START:
                return (Button.SEARCH,)
            case Page.RESULTS:
                before = (Button.PREVIOUS,) if state.number > 1 else ()
                more = self.mode == "compat" or state.number * PAGE_SIZE < len(state.found)
                return (Button.BACK, *before, *((Button.NEXT,) if more else ()))
            case Page.ITEM:
                return (Button.BACK, Button.PREVIOUS, *self.tabs, Button.BUY)
            case Page.DONE:
                return ()
            case _:
                return (Button.BACK, Button.PREVIOUS)

    def clickables(self, state: State) -> tuple[str, ...]:
        """What can be clicked, lower-case: buttons, then products (results) or option values (item)."""
        names = [button.lower() for button in self.buttons(state)]
        if state.page is Page.RESULTS:
            names += [asin.lower() for asin in state.shown]
        elif state.page is Page.ITEM:
            options = self.product(state).options
            names += [self.written(name, value) for name, values in options.items() for value in values]
        return tuple(dict.fromkeys(names))

    def written(self, name: str, value: str) -> str:
        """How an option stands on its page and is clicked."""
        return f"{name}: {value}" if self.mode == "strict" and value in _ITEM_BUTTONS else value

    def unreachable(self) -> int:
        """How many option values a button hides."""
        if self.mode == "strict":
            return 0
        lists = (values for product in self.products.values() for values in product.options.values())
        return sum(value in _ITEM_BUTTONS | _PRESSED for values in lists for value in values)

    def after(self, state: State, action: Search | Click) -> State:
        """The state that ``action`` leads to; ``state`` itself where the page does not offer it."""
        if isinstance(action, Search):
            words = action.query.lower()
            if not self.can_search(state) or not (words if self.mode == "compat" else words.strip()):
                return state
            return State(Page.RESULTS, words, self._found(words), visited=state.visited)
        return self._click(state, action.target.lower())

    def _found(self, words: str) -> tuple[str, ...]:
        """What a search finds. ``compat`` has the published code's two keys to labels that no customer sees."""
        key, *rest = words.split(" ")
        if self.mode == "compat" and key == "<c>" and rest:
            return tuple(asin for asin, product in self.products.items() if product.category == rest[0].strip())
        if self.mode == "compat" and key == "<q>":
            label = " ".join(rest).strip()
            return tuple(asin for asin, product in self.products.items() if product.query == label)
        return self.search(words)

    def _click(self, state: State, target: str) -> State:
        for button in self.buttons(state):
            if button.lower() == target:
                return self._press(state, button)
        if state.page is Page.RESULTS:
            asin = next((one for one in state.shown if one.lower() == target), None)
            if asin is None:
                return state
            return replace(state, page=Page.ITEM, asin=asin, visited=state.visited | {asin})
        if state.page is Page.ITEM:
            if self.mode == "compat" and target in _PRESSED and target in self._option_names(state.asin or ""):
                return state if target == _SEARCH else replace(state, page=SUB_PAGES[Button.ATTRIBUTES])
            return self._choose(state, target)
        return state

    def _press(self, state: State, button: Button) -> State:
        match button:
            case Button.SEARCH:
                return state  # pressing the button alone says nothing: words are searched by a search
            case Button.BACK:
                return START
            case Button.NEXT:
                return replace(state, number=state.number + 1)
            case Button.PREVIOUS:
                return self._back(state)
            case Button.BUY:
                return replace(state, page=Page.DONE)
            case _:
                return replace(state, page=SUB_PAGES[button])

    def _back(self, state: State) -> State:
        results = replace(state, page=Page.RESULTS, asin=None, options=START.options)
        match self._taken_for(state):
            case "search_results":
                return replace(results, number=state.number - 1)
            case "item_page":
                return results
            case _:
                return replace(state, page=Page.ITEM)

    def _taken_for(self, state: State) -> str:
        """The kind of page; in ``compat`` the first whose name stands anywhere in the address, search words too."""
        address = state.address
        return next(kind for kind in _KINDS if (kind in address if self.mode == "compat" else address.startswith(kind)))

    def _choose(self, state: State, target: str) -> State:
        names = self._option_names(state.asin or "").get(target)
        if names is None:
            return state
        value = target if target in self.product(state).options[names[0]] else target.removeprefix(f"{names[0]}: ")
        # Where several options have this value: the last one (compat), else the first that does not have it yet.
        free = [name for name in names if state.options.get(name) != value] or names
        name = names[-1] if self.mode == "compat" else free[0]
        return replace(state, options=MappingProxyType({**state.options, name: value}))

    def _names_of_values(self, asin: str) -> dict[str, list[str]]:
        names: dict[str, list[str]] = {}
        for name, values in self.products[asin].options.items():
            for value in dict.fromkeys(values):
                names.setdefault(self.written(name, value), []).append(name)
        return names
