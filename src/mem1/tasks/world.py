"""A world of countries with facts: the passages to search and the questions to ask about it.

The embedded world is read from the Factbook (``factbook.py``); worlds with invented countries are made for
pretraining (``synthetic.py``). Both are a ``World``, so that everything below holds for both.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mem1.retrieval.base import Passage
from mem1.tasks.base import Split
from mem1.tasks.relations import RELATIONS
from mem1.types import Objective

SPLITS: tuple[Split, ...] = ("train", "dev", "test")
_PREVIOUS = "the previous answer"


@dataclass(frozen=True, slots=True)
class Country:
    """One entity: its name, its split, accepted answers by relation label, and its prose paragraphs."""

    name: str
    split: Split
    facts: Mapping[str, tuple[str, ...]]
    prose: tuple[str, ...] = ()


class World:
    """Countries with facts, offered as a task source, a chain source and a corpus.

    Questions of a split are about that split's countries only; the corpus holds every country, so that the
    other splits' passages are the distractors.
    """

    def __init__(self, name: str, countries: Sequence[Country]) -> None:
        self.name = name
        self.countries = tuple(countries)
        self._by_name = {country.name: country for country in self.countries}

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
        return [self._objective(country, label, f"{label} of {country.name}", hops=1) for label in country.facts]

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
            if label in country.facts and self._holders[label, country.facts[label][0].lower()] == 1
        ]

    @cached_property
    def _holders(self) -> dict[tuple[str, str], int]:
        count: dict[tuple[str, str], int] = {}
        for country in self.countries:
            for label, answers in country.facts.items():
                key = (label, answers[0].lower())
                count[key] = count.get(key, 0) + 1
        return count

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
        """A first question of a chain: one whose answer names its country."""
        bridged = [o for o in self.objectives(split) if o.metadata["hops"] == 1 and self._is_link(o)]
        return rng.choice(bridged)

    def link(self, previous: Objective, rng: random.Random) -> Objective | None:
        """A question that needs the answer to ``previous``, about the same split's countries.

        Where the previous answer is a neighbour in the same split the chain moves there; where it is a value that
        identifies its country, the next question is about "the country whose … is the previous answer".
        """
        country = self._by_name[previous.metadata["entity"]]
        relation = previous.metadata["relation"]
        if relation == "longest border":
            neighbour = self._by_name.get(previous.answers[0])
            if neighbour is None or neighbour.split != country.split:
                return None
            return self._linked(neighbour, _PREVIOUS, neighbour.name, rng)
        if relation in self._bridges(country):
            shown = f"the country whose {relation} is {_PREVIOUS}"
            return self._linked(country, shown, shown.replace(_PREVIOUS, previous.answers[0]), rng, skip=relation)
        return None

    def _linked(
        self, country: Country, shown: str, filled: str, rng: random.Random, *, skip: str = ""
    ) -> Objective | None:
        onward = [o for o in self._one_hop(country) if self._is_link(o) and o.metadata["relation"] != skip]
        if not onward:
            return None
        target = rng.choice(onward)
        label = target.metadata["relation"]
        return target.model_copy(
            update={
                "id": f"{target.id}<{skip or 'longest border'}",
                "question": f"What is the {label} of {shown}?",
                "standalone": f"What is the {label} of {filled}?",
                "metadata": {
                    **target.metadata,
                    "hops": 2 if skip else 1,
                    "bridge": skip,
                    "about": f"{label} of {filled}",
                },
            }
        )

    def _is_link(self, objective: Objective) -> bool:
        country = self._by_name[objective.metadata["entity"]]
        relation = objective.metadata["relation"]
        if relation == "longest border":
            neighbour = self._by_name.get(objective.answers[0])
            return neighbour is not None and neighbour.split == country.split
        return relation in self._bridges(country)


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
