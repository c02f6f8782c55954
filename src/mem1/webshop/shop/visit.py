"""One visit to the shop: a customer's wish, the page that is open, and what a purchase was worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mem1.text import LOOK_ALIKE
from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.catalogue.source import Webshop
from mem1.webshop.shop.kinds import SHOWN, Look, Mode, SearchKind
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.nouns import Nouns, load_nouns
from mem1.webshop.shop.pages import Node, nodes, plain, rich
from mem1.webshop.shop.reward import Reward, purchase_reward
from mem1.webshop.shop.search import make_search
from mem1.webshop.shop.state_machine import START, Machine, Page, State


@dataclass(frozen=True, slots=True)
class Shop:
    """What all visits share. ``label`` says which catalogue, goals, split, mode, search and nouns it has."""

    machine: Machine
    price: Mapping[str, float]
    nouns: Nouns
    label: str

    @property
    def mode(self) -> Mode:
        """``strict`` or ``compat``."""
        return self.machine.mode


def open_shop(
    source: Webshop,
    *,
    mode: Mode = "strict",
    nouns: str = "content_words",
    search: SearchKind = "auto",
    shown: int = SHOWN,
    tab: bool = False,
) -> Shop:
    """Index the catalogue and load the noun extractor. Raises ``Mem1Error``."""
    index = make_search(tuple(source.products.values()), search, shown)
    machine = Machine(source.products, index, mode, tab=tab)
    hidden = machine.unreachable()
    said = f" ({hidden:,} options named like buttons cannot be chosen)" if hidden else ""
    return Shop(
        machine=machine,
        price=source.price,
        nouns=load_nouns(nouns),
        label=f"{source.label}; {mode} mode{said}, search {index.name} top {shown}, nouns {nouns}",
    )


class Visit:
    """One customer with one goal. ``state`` is the page; ``reward`` is set by the purchase."""

    def __init__(self, shop: Shop, goal: Goal) -> None:
        self.shop = shop
        self.goal = goal
        self.state: State = START
        self.reward: Reward | None = None
        self._bought: State | None = None

    @property
    def done(self) -> bool:
        """Whether something was bought."""
        return self.reward is not None

    @property
    def earned(self) -> float | None:
        """What the purchase paid, ``None`` before it."""
        return None if self.reward is None else self.reward.total

    @property
    def clickables(self) -> tuple[str, ...]:
        """What can be clicked now."""
        return self.shop.machine.clickables(self.state)

    @property
    def page(self) -> tuple[Node, ...]:
        """What stands on the page."""
        return nodes(self.shop.machine, self.state, self.goal.instruction, self.earned)

    def text(self, look: Look = "text") -> str:
        """The page as text."""
        return plain(self.page) if look == "text" else rich(self.page)

    def do(self, action: Search | Click) -> bool:
        """Do ``action``; False where the page does not offer it, and nothing has changed.

        ``strict`` takes a click for what it names, blanks aside; ``compat`` takes it to the letter.
        """
        machine, before = self.shop.machine, self.state
        if isinstance(action, Click) and self.shop.mode == "strict":
            action = Click(target=self._meant(action.target))
        after = machine.after(before, action)
        if after is before:
            return False
        if after.page is Page.DONE:
            product = machine.product(after)
            self.reward = purchase_reward(
                product,
                after.options,
                self.shop.price[product.asin],
                self.goal,
                nouns=self.shop.nouns,
                mode=self.shop.mode,
            )
            self._bought = after
        self.state = after
        return True

    def bought(self) -> str:
        """What was bought, in words, e.g. ``W2X4K (color: red, size: 8)``. Raises ``ValueError`` before a purchase."""
        if self._bought is None:
            raise ValueError("nothing was bought yet")
        product = self.shop.machine.product(self._bought)
        options = ", ".join(f"{name}: {value}" for name, value in self._bought.options.items())
        return f"{product.asin} ({options})" if options else product.asin

    def _meant(self, target: str) -> str:
        """The clickable that ``target`` names: contexts show "<" as a look-alike, which agents copy."""
        lowered = target.lower()
        if lowered in (offered := self.clickables):
            return lowered
        wanted = _readable(lowered)
        return next((one for one in offered if _readable(one) == wanted), target)


def as_shown(text: str) -> str:
    """``text`` with the "<" that a shop's page has, where an agent copied the look-alike from its context."""
    return text.translate(_READABLE)


_READABLE = str.maketrans(dict.fromkeys(f"{LOOK_ALIKE}\N{MATHEMATICAL LEFT ANGLE BRACKET}", "<"))


def _readable(text: str) -> str:
    return " ".join(as_shown(text).split())
