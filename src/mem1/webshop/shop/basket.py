"""What was bought of a bundle, and what is left to pay the rest with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from mem1.types import Objective, Task
from mem1.webshop.catalogue.bundles import Wish, wish_from
from mem1.webshop.catalogue.goals import Goal
from mem1.webshop.catalogue.source import goal_of
from mem1.webshop.reward.reward import matched_options
from mem1.webshop.shop.visit import Visit

NOT_BOUGHT = "(nothing of it was bought)"
"""What no option's value is: the thing that a wish speaks of was not bought, or has no such option."""
_SLACK = 1.05  # of the planned prices; then up to the next ten dollars


@dataclass(slots=True)
class Basket:
    """The things of one bundle: their options as they were bought (``None`` where nothing was), and the money.

    ``budget`` and ``spent`` are in dollars.
    """

    budget: float
    things: list[Mapping[str, str] | None] = field(default_factory=list)
    spent: float = 0.0

    @classmethod
    def of(cls, task: Task) -> Self | None:
        """An empty one for a task that is a bundle: the planned prices and a twentieth more, up to the next ten."""
        wishes = [_wish(objective) for objective in task.objectives]
        known = [wish.price for wish in wishes if wish is not None]
        if not known or len(known) < len(wishes):
            return None
        return cls(budget=10.0 * math.ceil(sum(known) * _SLACK / 10.0))

    @property
    def left(self) -> float:
        """What is left of the budget."""
        return self.budget - self.spent

    def goal(self, objective: Objective) -> Goal:
        """The goal as it now stands: options as the earlier things were really bought, the price what is left."""
        wish, goal = _wish(objective), goal_of(objective)
        assert wish is not None  # ``of`` has seen to it
        options = tuple(
            self._option(name, wish.links[name]) if name in wish.links else value
            for name, value in zip(goal.option_names, goal.options, strict=True)
        )
        budget = f", and price within what is left of {self.budget:.2f} dollars"
        return replace(goal, instruction=objective.question + budget, options=options, price_upper=self.left)

    def take(self, visit: Visit) -> float | None:
        """Put in what the visit came to, if anything; what it cost."""
        bought = visit.purchased
        if bought is None:
            self.things.append(None)
            return None
        price = visit.shop.price[bought.asin or ""]
        self.things.append(dict(bought.options))
        self.spent += price
        return price

    def _option(self, name: str, thing: int) -> str:
        options = self.things[thing] if thing < len(self.things) else None
        return (options or {}).get(name, NOT_BOUGHT)


def remembered(objective: Objective, visit: Visit | None) -> float | None:
    """The share of the options that earlier things decide which were chosen so; ``None`` where there are none.

    ``visit``: ``None`` for a goal that was not come to.
    """
    wish = _wish(objective)
    if wish is None or not wish.links:
        return None
    if visit is None or visit.purchased is None:
        return 0.0
    goal = visit.goal
    decided = {name: value for name, value in zip(goal.option_names, goal.options, strict=True) if name in wish.links}
    only = replace(goal, option_names=tuple(decided), options=tuple(decided.values()))
    return matched_options(visit.purchased.options, only) / len(decided)


def _wish(objective: Objective) -> Wish | None:
    facts = objective.metadata.get("bundle")
    return None if facts is None else wish_from(facts)
