"""A small world in which every kind of link is found once."""

from __future__ import annotations

from mem1.tasks.base import Split
from mem1.tasks.factbook.country import Country
from mem1.tasks.factbook.world import World


def country(name: str, split: Split, prose: tuple[str, ...] = (), **facts: str) -> Country:
    """A country; ``longest_border="Brazil"`` becomes the fact ``longest border: Brazil``."""
    return Country(name, split, {label.replace("_", " "): (value,) for label, value in facts.items()}, prose)


PERU = country("Peru", "train", ("Incas.",), capital="Lima", longest_border="Brazil", lowest_point="Pacific Ocean")
BRAZIL = country(
    "Brazil",
    "train",
    capital="Brasília",
    longest_border="Bolivia",
    lowest_point="Atlantic Ocean",
    top_customer="China",
)
GHANA = country(
    "Ghana", "train", capital="Accra", top_supplier="China", lowest_point="atlantic ocean", top_customer="UAE"
)
EMIRATES = country("United Arab Emirates", "train", capital="Abu Dhabi")
CHINA = country("China", "test", capital="Beijing", internet_code=".cn")


def small_world() -> World:
    """The five countries."""
    return World("small", [PERU, BRAZIL, GHANA, EMIRATES, CHINA])
