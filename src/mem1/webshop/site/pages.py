"""A visit as web pages: what stands in a page is worked out here, how it looks is the templates' part."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mem1.text import spelled_out
from mem1.webshop.catalogue.goals import NO_LIMIT
from mem1.webshop.catalogue.products import Product
from mem1.webshop.reward.reward import Reward, matched_attributes, matched_options, matched_options_compat
from mem1.webshop.shop.state_machine import Button, Page, State
from mem1.webshop.shop.visit import Visit
from mem1.webshop.site.sessions import Customer, Sessions


@dataclass(frozen=True, slots=True)
class Press:
    """Something to click: its text, and its position among what can be clicked."""

    text: str
    position: int
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """An option and its values."""

    name: str
    values: tuple[Press, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A product among the results."""

    press: Press
    title: str
    price: str
    picture: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill: what was asked for, whether it was met."""

    what: str
    asked: str
    met: bool


class Layout:
    """What the templates ask about a visit."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._position = {name: position for position, name in enumerate(visit.clickables)}

    @property
    def state(self) -> State:
        """The page and what is known about it."""
        return self._visit.state

    @property
    def product(self) -> Product:
        """The product that is open."""
        return self._visit.shop.machine.product(self.state)

    @property
    def searchable(self) -> bool:
        """Whether there is a search bar."""
        return self._visit.shop.machine.can_search(self.state) and not self._visit.done

    def button(self, name: str) -> Press | None:
        """The button with that text, where the page has it."""
        position = self._position.get(name.lower())
        return None if position is None else Press(name, position)

    def picture(self, product: Product) -> str:
        """The address of its picture, where there is one that a browser may ask for without being overheard."""
        return product.image if product.image.startswith("https://") else ""

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The products on this page of results."""
        products = self._visit.shop.machine.products
        return tuple(
            Hit(
                Press(asin, self._position[asin.lower()], marked=asin in self.state.visited),
                products[asin].title,
                products[asin].price_tag,
                self.picture(products[asin]),
            )
            for asin in self.state.shown
        )

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The product's options, as the page's nodes mark them."""
        chosen = {(node.name, node.text) for node in self._visit.page if node.name and node.marked}
        return tuple(
            Choice(name, tuple(self._press(name, value, chosen) for value in dict.fromkeys(values)))
            for name, values in self.product.options.items()
        )

    def _press(self, name: str, value: str, chosen: Collection[tuple[str, str]]) -> Press:
        written = self._visit.shop.machine.written(name, value)
        return Press(value, self._position[written], (name, written) in chosen)

    @property
    def texts(self) -> tuple[str, ...]:
        """What the open tab says."""
        texts = {Page.DESCRIPTION: (self.product.description,), Page.FEATURES: self.product.bullets}
        return tuple(text for text in texts.get(self.state.page, ()) if text.strip())


def bill(visit: Visit, reward: Reward) -> Iterator[Line]:
    """What a purchase was worth, line by line."""
    goal, product = visit.goal, visit.shop.machine.product(visit.state)
    matched = matched_options if visit.shop.mode == "strict" else matched_options_compat
    for attribute in goal.attributes:
        met = matched_attributes(product, replace(goal, attributes=(attribute,))) == 1
        yield Line("property", attribute, met)
    for index, value in enumerate(goal.options):
        names = goal.option_names[index : index + 1]
        met = matched(visit.state.options, replace(goal, options=(value,), option_names=names)) == 1
        yield Line(names[0] if names else "option", value, met)
    limit = f"below ${goal.price_upper:.2f}" if goal.price_upper < NO_LIMIT else "any"
    yield Line("price", limit, reward.price)


@dataclass(frozen=True, slots=True)
class Site:
    """Renders the pages of one shop. ``split`` is where its goals come from, ``limit`` how many steps an agent has."""

    sessions: Sessions
    split: str
    limit: int

    def welcome(self, notice: str = "", number: int | None = None) -> str:
        """The page for whoever has no visit yet, or is offered the errand at ``number``."""
        goal = None if number is None else self.sessions.goals[number]
        count = len(self.sessions.goals)
        return self._render("welcome.html", notice=notice, count=count, number=number, goal=goal)

    def failure(self, heading: str, text: str) -> str:
        """A page that says what went wrong."""
        return self._render("failure.html", heading=heading, text=text)

    def visit(self, customer: Customer) -> str:
        """The page that ``customer`` is on."""
        visit = customer.visit
        reward = visit.reward
        common = {
            "customer": customer,
            "goal": visit.goal,
            "notice": customer.take_notice(),
            "layout": Layout(visit),
            "Button": Button,
            "count": len(self.sessions.goals),
        }
        if reward is not None:
            price = self.sessions.shop.price[visit.shop.machine.product(visit.state).asin]
            lines = tuple(bill(visit, reward))
            return self._render("done.html", **common, reward=reward, lines=lines, price=price, kind=_kind(reward))
        template = {Page.START: "start.html", Page.RESULTS: "results.html", Page.ITEM: "item.html"}
        return self._render(template.get(visit.state.page, "tab.html"), **common)

    def _render(self, template: str, **values: object) -> str:
        shop = self.sessions.shop
        pictures = self.sessions.config.pictures
        return _environment().get_template(template).render(label=shop.label, site=self, pictures=pictures, **values)


def _kind(reward: Reward) -> str:
    """Why the type factor is what it is."""
    if reward.r_type == 1.0:
        return "the right kind of product"
    return "not the kind of product that was asked for" if reward.r_type == 0.0 else "hardly the right kind of product"


@cache
def _environment() -> Environment:
    """Templates with autoescape on; whatever strangers wrote is shown, never obeyed."""
    made = Environment(
        loader=PackageLoader("mem1.webshop.site", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: value if isinstance(value, Markup) or not isinstance(value, str) else spelled_out(value),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["tile"] = lambda text: sum(map(ord, text[:8])) % 8
    return made
