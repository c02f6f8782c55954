"""Bundles: several things to buy from one budget, where later wishes depend on what was bought before.

A wish of a bundle has an option that an earlier purchase decides: "color: same as thing 1", "size: to fit thing 2".
Source of the idea: bundled shopping in MemoryArena (arXiv 2602.16313); the making is ours.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mem1.errors import DataError
from mem1.webshop.catalogue.goals import Goal

_SIZES = ("size", "shoe size")  # what has to fit; anything else is to be the same
REFERENCE = re.compile(r"(?:same as|to fit) thing (\d+)")
"""How a wish speaks of an earlier thing; things count from 1."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A wish of a bundle.

    ``goal`` is the index of the goal it was made from. ``links`` are the options that earlier things decide: name ->
    number of the thing, from 0. ``planned`` is what each of the bundle's things up to this one is meant to be bought
    with, options by name, and ``price`` what this one then costs, in dollars.
    """

    goal: int
    links: Mapping[str, int]
    planned: tuple[Mapping[str, str], ...]
    price: float
    asins: tuple[str, ...] = field(default=())

    @property
    def facts(self) -> dict[str, Any]:
        """As an objective's metadata keep it."""
        return {
            "goal": self.goal,
            "links": dict(self.links),
            "planned": [dict(options) for options in self.planned],
            "price": self.price,
            "asins": list(self.asins),
        }


def wish_from(facts: Mapping[str, Any]) -> Wish:
    """The wish that an objective's metadata hold."""
    return Wish(facts["goal"], facts["links"], tuple(facts["planned"]), facts["price"], tuple(facts["asins"]))


class BundleMaker:
    """Makes the wishes of bundles from goals whose options have names, and what each product costs.

    ``goals``: those that may be wished for, by their index. Raises ``DataError`` where none has a named option.
    """

    def __init__(self, goals: Mapping[int, Goal], price: Mapping[str, float]) -> None:
        self._goals = {index: goal for index, goal in goals.items() if goal.option_names}
        self._price = price
        if not self._goals:
            raise DataError(
                "no goal has an option with a name, which later wishes of a bundle could speak of",
                where="source.goals",
                hint="use synthetic goals of products with options",
            )

    @cached_property
    def _order(self) -> list[int]:
        """The goals' indices, ascending."""
        return sorted(self._goals)

    @cached_property
    def _with(self) -> dict[tuple[str, str], list[int]]:
        """The goals that want an option, by its name and value."""
        found: dict[tuple[str, str], list[int]] = {}
        for index, goal in self._goals.items():
            for pair in zip(goal.option_names, goal.options, strict=True):
                found.setdefault(pair, []).append(index)
        return found

    def first(self, rng: random.Random) -> Wish:
        """The first wish, which stands alone."""
        return self._wish(rng.choice(self._order), {}, (), ())

    def next(self, before: Wish, rng: random.Random) -> Wish | None:
        """A wish for another product that shares an option with an earlier thing; ``None`` where there is none."""
        thing = rng.randrange(len(before.planned))
        name, value = rng.choice(sorted(before.planned[thing].items()))
        fitting = [index for index in self._with.get((name, value), ()) if self._goals[index].asin not in before.asins]
        return self._wish(rng.choice(fitting), {name: thing}, before.planned, before.asins) if fitting else None

    def text(self, wish: Wish) -> str:
        """What the customer says, without the budget."""
        goal = self._goals[wish.goal]
        plain = ", and ".join(f"{name}: {value}" for name, value in _options(goal).items())
        said = ", and ".join(
            f"{name}: {_reference(name, wish.links[name]) if name in wish.links else value}"
            for name, value in _options(goal).items()
        )
        return f"{goal.instruction.partition(f' with {plain}')[0]} with {said}"

    def goal(self, wish: Wish) -> Goal:
        """The goal that the wish was made from."""
        return self._goals[wish.goal]

    def _wish(
        self, index: int, links: Mapping[str, int], planned: Sequence[Mapping[str, str]], asins: tuple[str, ...]
    ) -> Wish:
        goal = self._goals[index]
        return Wish(index, links, (*planned, _options(goal)), self._price[goal.asin], (*asins, goal.asin))


def _options(goal: Goal) -> dict[str, str]:
    return dict(zip(goal.option_names, goal.options, strict=True))


def _reference(name: str, thing: int) -> str:
    return f"{'to fit' if name in _SIZES else 'same as'} thing {thing + 1}"
