"""One visit to the shop: a customer's wish, the page that is open, and what a purchase was worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from threading import Lock

from mem1.text import LOOK_ALIKE
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.catalogue.source import Webshop
from mem1.webshop.reward.nouns import Nouns, named_nouns
from mem1.webshop.reward.reward import Reward, purchase_reward
from mem1.webshop.shop.kinds import SHOWN, Look, Mode
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.pages import Node, nodes, plain, rich
from mem1.webshop.shop.search import LuceneSearch
from mem1.webshop.shop.state_machine import START, Machine, Page, State


@dataclass(frozen=True)
class Opening:
    """All that a shop is made from, so that it can be opened again, in another process too."""

    source: WebshopConfig
    mode: Mode = "strict"
    nouns: str = "auto"
    shown: int = SHOWN
    tab: bool = False


@dataclass(frozen=True, slots=True)
class Shop:
    """What all visits share. ``label`` says which catalogue, goals, split, mode, search and nouns it has.

    A copy is the same shop, and a pickled one (where ``opening`` is known) is the shop that the other process opens
    once, however many visits are sent there. ``source`` is whose goals they are.
    """

    machine: Machine
    price: Mapping[str, float]
    nouns: Nouns
    label: str
    opening: Opening | None = None
    source: Webshop | None = None

    @property
    def mode(self) -> Mode:
        """``strict`` or ``compat``."""
        return self.machine.mode

    def __copy__(self) -> Shop:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Shop:
        return self

    def __reduce__(self) -> tuple[Callable[[Opening], Shop], tuple[Opening]]:
        if self.opening is None:
            raise TypeError("this shop was put together by hand: only one that open_shop opened can be pickled")
        return shared_shop, (self.opening,)


def open_shop(
    source: Webshop,
    *,
    mode: Mode = "strict",
    nouns: str = "auto",
    shown: int = SHOWN,
    tab: bool = False,
) -> Shop:
    """Index the catalogue and load the noun extractor. Raises ``Mem1Error``."""
    index = LuceneSearch(tuple(source.products.values()), shown)
    machine = Machine(source.products, index, mode, tab=tab)
    hidden = machine.unreachable()
    said = f" ({hidden:,} options named like buttons cannot be chosen)" if hidden else ""
    extractor, name = named_nouns(nouns, mode)
    return Shop(
        machine=machine,
        price=source.price,
        nouns=extractor,
        label=f"{source.label}; {mode} mode{said}, search {index.name} top {shown}, nouns {name}",
        opening=Opening(source.config, mode, nouns, shown, tab),
        source=source,
    )


_OPENED: dict[tuple[Opening, tuple[int, ...]], Shop] = {}
_OPENING = Lock()


def shared_shop(opening: Opening) -> Shop:
    """The shop of that opening, one for the whole process: opened once, and again where its files have changed.

    Raises ``Mem1Error``.
    """
    config = opening.source
    files = [file for file in (config.items, config.attributes, config.human_instructions, config.human_index) if file]
    changed = tuple(file.stat().st_mtime_ns for file in files if file.is_file())
    with _OPENING:
        found = _OPENED.get((opening, changed))
        if found is None:
            for key in [key for key in _OPENED if key[0] == opening]:
                del _OPENED[key]
            found = _OPENED[opening, changed] = open_shop(
                opening.source.build(),
                mode=opening.mode,
                nouns=opening.nouns,
                shown=opening.shown,
                tab=opening.tab,
            )
        return found


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
    def purchased(self) -> State | None:
        """The moment of the purchase: product and options; ``None`` before it."""
        return self._bought

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

    def clone(self) -> Visit:
        """The same visit once more: what is done in one of the two is not done in the other."""
        return copy(self)

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
