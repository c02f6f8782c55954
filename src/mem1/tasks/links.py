"""How the answer to one question about a world leads to the country of the next.

Every link can be checked in the passages, because it rests on values that single out one country:

- the answer is the name of another country: "the previous answer";
- nobody else has this value: "the country whose capital is the previous answer" (stays on the country);
- one other country has this value: "the other country whose lowest point is the previous answer";
- the answer names a country, and one country names it too: "the country whose top supplier is the previous answer".
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from mem1.tasks.base import Split
from mem1.tasks.factbook.country import Country, Holders
from mem1.tasks.factbook.relations import ALIASES, NAMING
from mem1.types import Objective

MOVING = 0.5  # how often a question is asked for the sake of its way to another country, where there is one
T = TypeVar("T")
_PREVIOUS = "the previous answer"


@dataclass(frozen=True, slots=True)
class _Way:
    """To ``country``, described by its name, or by its value of ``bridge`` as ``wording`` says."""

    country: Country
    bridge: str = ""
    wording: str = ""

    def described(self, value: str) -> str:
        return f"{self.wording} {self.bridge} is {value}" if self.bridge else value


@dataclass(frozen=True, slots=True)
class _Exits(Generic[T]):
    """What leads on, and the part of it that leads to another country."""

    all: tuple[T, ...]
    moving: tuple[T, ...]


class Links:
    """All links between the questions about ``countries``; none leads to another split.

    Args:
        countries: The world's countries.
        ask: The one-hop question about a country, by relation label.
    """

    def __init__(self, countries: Sequence[Country], ask: Callable[[Country, str], Objective]) -> None:
        self._countries = countries
        self._ask = ask
        self._by_name = {country.name: country for country in countries}
        self._holders = Holders(countries)
        self._made: dict[tuple[str, str, str], Objective] = {}
        self._exits: dict[tuple[str, str], _Exits[str]] = {}

    def start(self, rng: random.Random, split: Split) -> Objective:
        """A first question: one whose answer leads on."""
        first = self._starts[split]
        return rng.choice(first.moving if first.moving and rng.random() < MOVING else first.all)

    def link(self, previous: Objective, rng: random.Random) -> Objective | None:
        """A question that needs the answer to ``previous``; ``None`` where there is none."""
        country, relation = previous.metadata["entity"], previous.metadata["relation"]
        ways = self._ways[country].get(relation)
        if not ways:
            return None
        way = rng.choice(ways)
        onward = self._onward(way.country.name, way.bridge)
        labels = onward.moving if onward.moving and rng.random() < MOVING else onward.all
        return self._objective(way, rng.choice(labels)) if labels else None

    @cached_property
    def _starts(self) -> dict[Split, _Exits[Objective]]:
        """First questions by split, about countries that can be left if the split has any."""
        found: dict[Split, _Exits[Objective]] = {}
        for split in sorted({country.split for country in self._countries}):
            inside = [country for country in self._countries if country.split == split]
            chosen = [country for country in inside if self._onward(country.name).moving] or inside
            found[split] = _Exits(
                all=tuple(self._ask(c, label) for c in chosen for label in self._onward(c.name).all),
                moving=tuple(self._ask(c, label) for c in chosen for label in self._onward(c.name).moving),
            )
        return found

    def _onward(self, name: str, without: str = "") -> _Exits[str]:
        """The relations of a country whose answers lead on, less the one that described it."""
        key = (name, without)
        if key not in self._exits:
            leading = {label: ways for label, ways in self._ways[name].items() if ways and label != without}
            self._exits[key] = _Exits(
                all=tuple(leading),
                moving=tuple(label for label, ways in leading.items() if ways[0].country.name != name),
            )
        return self._exits[key]

    @cached_property
    def _ways(self) -> dict[str, dict[str, list[_Way]]]:
        return {
            country.name: {label: self._ways_from(country, label) for label in country.facts}
            for country in self._countries
        }

    def _ways_from(self, country: Country, label: str) -> list[_Way]:
        """Ways to other countries; only where there are none, the one that stays on ``country``."""
        value = country.facts[label][0]
        same = self._holders.of(label, value)
        ways = []
        if label in NAMING:
            named = self._by_name.get(ALIASES.get(value, value))
            ways += [_Way(named)] if named else []
            others = ((other, self._holders.of(other, value)) for other in NAMING if other != label)
            ways += [_Way(found[0], other, "the country whose") for other, found in others if len(found) == 1]
        if len(same) == 2:
            twin = next(other for other in same if other.name != country.name)
            ways.append(_Way(twin, label, "the other country whose"))
        moving = [way for way in ways if way.country.split == country.split and way.country.name != country.name]
        return moving or ([_Way(country, label, "the country whose")] if len(same) == 1 else [])

    def _objective(self, way: _Way, label: str) -> Objective:
        """The question about ``way.country``. Its id up to ``<`` is that of the question without the link."""
        key = (way.country.name, label, way.bridge)
        if key not in self._made:
            alone = self._ask(way.country, label)
            filled = way.described(way.country.facts[way.bridge][0] if way.bridge else way.country.name)
            about = f"{label} of {filled}"
            self._made[key] = alone.model_copy(
                update={
                    "id": f"{alone.id}<{way.bridge}",
                    "question": f"What is the {label} of {way.described(_PREVIOUS)}?",
                    "standalone": f"What is the {about}?",
                    "metadata": {
                        **alone.metadata,
                        "hops": 2 if way.bridge else 1,
                        "bridge": way.bridge,
                        "about": about,
                    },
                }
            )
        return self._made[key]
