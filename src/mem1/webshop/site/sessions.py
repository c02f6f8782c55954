"""Who is in the shop: one open visit each, what was bought before, and how many people there is room for."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Lock

from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.people.log import Step
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.visit import Shop, Visit
from mem1.webshop.site.config import SiteConfig

STALE = "You acted on an older page, so nothing was done. This is where you are."
NOT_OFFERED = "That is not possible on this page, so nothing was done."
EMPTY = "Write what to search for."


class FullError(Exception):
    """There is no room for another person."""


@dataclass(slots=True)
class Customer:
    """One person.

    ``number`` is the goal's position, ``steps`` how many actions were taken towards it. ``version`` changes with every
    page, so that a form tells which page it was filled in on. ``rewards`` are those of earlier purchases.
    ``words`` are those of the last search for this goal, ``trail`` all that was done for it. ``returned``: the
    browser showed the name it was given, which whoever keeps no cookies never does.
    """

    id: str
    number: int
    visit: Visit
    steps: int = 0
    version: int = 0
    notice: str = ""
    words: str = ""
    rewards: list[float] = field(default_factory=list)
    trail: list[Step] = field(default_factory=list)
    seen: float = 0.0
    returned: bool = False
    lock: Lock = field(default_factory=Lock)

    def search(self, version: int, words: str) -> None:
        """Search for ``words``."""
        if not words.strip():
            self.notice = EMPTY
        else:
            if self._do(version, Search(query=words)):
                self.words = words

    def click(self, version: int, position: int) -> None:
        """Click the thing at ``position`` among those that can be clicked.

        Positions instead of texts: an option may be called anything, also what a form would not send back unchanged.
        """
        offered = self.visit.clickables
        if version == self.version and not 0 <= position < len(offered):
            self.notice = NOT_OFFERED
        else:
            self._do(version, Click(target=offered[position]) if version == self.version else None)

    def turn_to(self, number: int, visit: Visit) -> None:
        """Begin with another goal."""
        self.number, self.visit, self.steps, self.notice, self.words, self.trail = number, visit, 0, "", "", []
        self.version += 1

    def take_notice(self) -> str:
        """What is to be said on the next page, once."""
        said, self.notice = self.notice, ""
        return said

    def _do(self, version: int, action: Search | Click | None) -> bool:
        """Do ``action``; whether it was done."""
        if version != self.version or action is None:
            self.notice = STALE
            return False
        page, offered = self.visit.text(), self.visit.clickables
        if self.visit.done or not self.visit.do(action):
            self.notice = NOT_OFFERED
            return False
        done = f"search[{action.query}]" if isinstance(action, Search) else f"click[{action.target}]"
        self.trail.append(Step(page=page, offered=offered, action=done))
        self.steps += 1
        self.version += 1
        if self.visit.reward is not None:
            self.rewards.append(self.visit.reward.total)
        return True


class Sessions:
    """Everybody in the shop, by a name that cannot be guessed.

    ``goals`` are tried in order, from the first or from any that a person chooses. ``keep`` gets what was done for a
    goal, by its number, once it is over: bought, left for another one, or abandoned.
    """

    def __init__(
        self,
        shop: Shop,
        goals: Sequence[Goal],
        config: SiteConfig,
        clock: Callable[[], float] = time.monotonic,
        keep: Callable[[int, Visit, Sequence[Step]], None] = lambda number, visit, steps: None,
    ) -> None:
        if not goals:
            raise ValueError("a shop without goals has nothing to ask of anybody")
        self.shop = shop
        self.goals = goals
        self.config = config
        self._clock = clock
        self._keep = keep
        self._customers: dict[str, Customer] = {}
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._customers)

    def find(self, id: str) -> Customer | None:
        """Who that is, and note that they were here."""
        with self._lock:
            customer = self._customers.pop(id, None)
            if customer is not None:
                customer.seen = self._clock()
                customer.returned = True
                self._customers[id] = customer  # the dictionary's order is that of the last visit
            return customer

    def enter(self, number: int = 0) -> Customer:
        """Somebody new, with the goal at ``number``.

        Raises ``FullError`` where there is no room and nobody whose place could be taken: who never came back with the
        name they were given, the oldest first, or who has been idle for long.
        """
        with self._lock:
            now = self._clock()
            if len(self._customers) >= self.config.max_sessions:
                gone = next((one for one in self._customers.values() if self._is_gone(one, now)), None)
                if gone is None:
                    raise FullError
                self.over(self._customers.pop(gone.id))
            customer = Customer(secrets.token_urlsafe(24), number, Visit(self.shop, self.goals[number]), seen=now)
            self._customers[customer.id] = customer
            return customer

    def _is_gone(self, customer: Customer, now: float) -> bool:
        return not customer.returned or now - customer.seen >= 60 * self.config.idle_minutes

    def turn_to(self, customer: Customer, number: int) -> None:
        """Give ``customer`` the goal at ``number``; after the last comes the first."""
        self.over(customer)
        number %= len(self.goals)
        customer.turn_to(number, Visit(self.shop, self.goals[number]))

    def over(self, customer: Customer) -> None:
        """What ``customer`` did for the goal is done; each step is kept once."""
        steps, customer.trail = customer.trail, []
        if steps:
            self._keep(customer.number, customer.visit, steps)

    def close(self) -> None:
        """Everybody leaves."""
        with self._lock:
            for customer in self._customers.values():
                self.over(customer)
            self._customers.clear()
