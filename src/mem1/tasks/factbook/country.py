"""An entity of a world, and who else has the same values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mem1.tasks.base import Split


@dataclass(frozen=True, slots=True)
class Country:
    """One entity: its name, its split, accepted answers by relation label, and its prose paragraphs."""

    name: str
    split: Split
    facts: Mapping[str, tuple[str, ...]]
    prose: tuple[str, ...] = ()


class Holders:
    """Which countries have a value, without regard to case, as passages show it (the first accepted answer)."""

    def __init__(self, countries: Iterable[Country]) -> None:
        self._found: dict[tuple[str, str], list[Country]] = {}
        for country in countries:
            for label, answers in country.facts.items():
                self._found.setdefault((label, answers[0].lower()), []).append(country)

    def of(self, label: str, value: str) -> list[Country]:
        """The countries whose ``label`` is ``value``, in the world's order."""
        return self._found.get((label, value.lower()), [])
