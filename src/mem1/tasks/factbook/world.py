"""A world of countries with facts: the passages to search and the questions to ask about it.

The embedded world is read from the Factbook (``factbook.py``); worlds with invented countries are made for
pretraining (``synthetic.py``). Both are a ``World``, so that everything below holds for both.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property

from mem1.retrieval.base import Passage
from mem1.tasks.base import Split
from mem1.tasks.factbook.country import Country, Holders
from mem1.tasks.factbook.relations import RELATIONS
from mem1.tasks.links import Links
from mem1.types import Objective

SPLITS: tuple[Split, ...] = ("train", "dev", "test")


class World:
    """Countries with facts, offered as a task source, a chain source and a corpus.

    Questions of a split are about that split's countries only; the corpus holds every country, so that the
    other splits' passages are the distractors.
    """

    def __init__(self, name: str, countries: Sequence[Country]) -> None:
        self.name = name
        self.countries = tuple(countries)

    # ------------------------------------------------------------ corpus

    @cached_property
    def passages(self) -> tuple[Passage, ...]:
        """Cards (a few fields each, ``label: value; …``) and prose paragraphs of every country, in a fixed order."""
        return tuple(passage for country in self.countries for passage in _passages(country))

    # ------------------------------------------------------------ questions

    def objectives(self, split: Split) -> Sequence[Objective]:
        """One-hop and two-hop questions about the countries of ``split``, in a fixed order."""
        return self._objectives[split]

    @cached_property
    def _objectives(self) -> dict[Split, tuple[Objective, ...]]:
        found: dict[Split, list[Objective]] = {split: [] for split in SPLITS}
        for country in self.countries:
            found[country.split].extend(self._one_hop(country))
            found[country.split].extend(self._two_hop(country))
        return {split: tuple(objectives) for split, objectives in found.items()}

    def _one_hop(self, country: Country) -> list[Objective]:
        return [self._ask(country, label) for label in country.facts]

    def _ask(self, country: Country, label: str) -> Objective:
        return self._objective(country, label, f"{label} of {country.name}", hops=1)

    def _two_hop(self, country: Country) -> list[Objective]:
        """Two questions a bridge: the country is described by a value that no other country has."""
        rng = random.Random(f"{self.name}/{country.name}/two-hop")
        found = []
        for bridge in self._bridges(country):
            labels = [label for label in country.facts if label != bridge]
            for label in rng.sample(labels, k=min(2, len(labels))):
                about = f"{label} of the country whose {bridge} is {country.facts[bridge][0]}"
                found.append(self._objective(country, label, about, hops=2, bridge=bridge))
        return found

    def _bridges(self, country: Country) -> list[str]:
        identifying = (relation.label for relation in RELATIONS if relation.identifies)
        return [
            label
            for label in identifying
            if label in country.facts and len(self._holders.of(label, country.facts[label][0])) == 1
        ]

    @cached_property
    def _holders(self) -> Holders:
        return Holders(self.countries)

    def _objective(self, country: Country, label: str, about: str, *, hops: int, bridge: str = "") -> Objective:
        return Objective(
            id=f"{self.name}/{country.name}/{bridge}>{label}" if bridge else f"{self.name}/{country.name}/{label}",
            question=f"What is the {about}?",
            answers=country.facts[label],
            source=self.name,
            metadata={"entity": country.name, "relation": label, "hops": hops, "bridge": bridge, "about": about},
        )

    # ------------------------------------------------------------ chains

    def start(self, rng: random.Random, split: Split) -> Objective:
        """A first question of a chain: one whose answer leads to another question."""
        return self._links.start(rng, split)

    def link(self, previous: Objective, rng: random.Random) -> Objective | None:
        """A question that needs the answer to ``previous``, about the same split's countries (see ``links.py``)."""
        return self._links.link(previous, rng)

    @cached_property
    def _links(self) -> Links:
        return Links(self.countries, self._ask)


def _passages(country: Country) -> list[Passage]:
    cards: dict[str, list[str]] = {}
    for relation in RELATIONS:
        if relation.label in country.facts:
            cards.setdefault(relation.card, []).append(f"{relation.label}: {country.facts[relation.label][0]}")
    found = [
        Passage(
            id=f"{country.name}/{card}",
            title=f"{country.name}, {card}",
            text="; ".join([f"country: {country.name}", *fields]) + ";",
        )
        for card, fields in cards.items()
    ]
    found += [
        Passage(id=f"{country.name}/background/{i}", title=f"{country.name}, background", text=text)
        for i, text in enumerate(country.prose)
    ]
    return found
