"""Worlds whose values are harder to copy."""

from __future__ import annotations

import random

from mem1.tasks.factbook.hardened import hardened
from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.factbook.synthetic import synthetic_world
from mem1.tasks.factbook.world import World

PIECES = ("zu", "ba", "kor")


def made(seed: int, *, alike: bool = False, long: bool = False) -> tuple[World, World]:
    before = synthetic_world(seed, factbook_world(), countries=12)
    return before, hardened(before, random.Random(seed), PIECES, alike=alike, long=long)


def values(world: World) -> list[str]:
    return [values[0] for country in world.countries for values in country.facts.values()]


def begins_like_another(world: World) -> float:
    """The share of values that share their first two signs with the country's name."""
    facts = [(value[0], country.name) for country in world.countries for value in country.facts.values()]
    return sum(value[:2] == name[:2] for value, name in facts) / len(facts)


def test_alike_values_begin_like_the_name_and_go_on_otherwise() -> None:
    for seed in range(3):
        before, after = made(seed, alike=True)
        assert begins_like_another(after) > begins_like_another(before) + 0.02
        changed = [(a, b) for a, b in zip(values(before), values(after), strict=True) if a != b]
        assert len(changed) > 0.08 * len(values(before))
        assert len({b for _, b in changed}) > 0.7 * len(changed)


def test_long_values_are_one_on_each_card() -> None:
    before, after = made(0, long=True)
    for old, new in zip(before.countries, after.countries, strict=True):
        longer = [label for label in old.facts if new.facts[label] != old.facts[label]]
        cards = {passage.id for passage in World("one", [old]).passages if "/background/" not in passage.id}
        assert len(longer) == len(cards)
        assert all(new.facts[label][0].startswith(old.facts[label][0]) for label in longer)


def test_values_hold_nothing_that_pages_are_written_with() -> None:
    for seed in range(3):
        before, after = made(seed, alike=True, long=True)
        new = set(values(after)) - set(values(before))
        assert new
        assert not any(sign in value for value in new for sign in ";<>|?")
        assert all(value == value.strip() and value for value in new)


def test_the_same_each_time() -> None:
    assert values(made(5, alike=True, long=True)[1]) == values(made(5, alike=True, long=True)[1])
