"""Invented worlds are reproducible, and nothing in them is known."""

from __future__ import annotations

import random
import re
from itertools import combinations

import pytest

from mem1.tasks.compose import compose
from mem1.tasks.factbook import synthetic
from mem1.tasks.factbook.country import Country
from mem1.tasks.factbook.relations import RELATIONS
from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.factbook.synthetic import synthetic_world
from mem1.tasks.factbook.world import World
from mem1.types import Composition

PIECES = ("ab", " cde", "Xy", "ü")


def facts(world: World) -> set[tuple[str, str, str]]:
    return {(c.name.lower(), label, answers[0]) for c in world.countries for label, answers in c.facts.items()}


def test_reproducible_from_the_seed() -> None:
    base = factbook_world()
    one, again = (synthetic_world(7, base, pieces=PIECES) for _ in range(2))
    assert one.countries == again.countries
    assert one.passages == again.passages
    assert one.objectives("train") == again.objectives("train")
    assert one.name == "synthetic-7"
    assert synthetic_world(8, base, pieces=PIECES).countries != one.countries


def test_worlds_share_no_fact_with_the_real_one_nor_with_each_other() -> None:
    base = factbook_world()
    worlds = [base, *(synthetic_world(seed, base, countries=24) for seed in range(5))]
    for left, right in combinations(worlds, 2):
        assert not facts(left) & facts(right)
    real = {c.name.lower() for c in base.countries}
    assert all(c.name.lower() not in real for world in worlds[1:] for c in world.countries)


def test_a_name_that_exists_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(["Mali", "Zan", "ZAN", "Peru", "Ost"])
    monkeypatch.setattr(synthetic, "_name", lambda rng, pieces: next(names))
    monkeypatch.setattr(synthetic, "_RELATED", 0.0)  # no name is built on another
    every = {relation.label: ("value",) for relation in RELATIONS}
    base = World("b", [Country("mali", "train", every), Country("Peru", "test", every)])
    assert [c.name for c in synthetic_world(0, base, countries=2).countries] == ["Zan", "Ost"]


def test_a_share_of_the_invented_values_resembles_the_name() -> None:
    """Each invented value is a word made of the name where the share is 1; where it is 0 none is meant to be."""
    base = World("b", [Country("A", "train", {r.label: ("Lentvalue",) for r in RELATIONS})])

    def resembling(share: float) -> float:
        world = synthetic_world(3, base, countries=20, invented=1.0, namesakes=share)
        pairs = [(c.name, values[0]) for c in world.countries for values in c.facts.values()]
        return sum(any(value.startswith(word[:3]) for word in name.split()) for name, value in pairs) / len(pairs)

    assert resembling(1.0) == 1.0
    assert resembling(0.0) < 0.05
    assert 0.4 < resembling(0.5) < 0.6


def test_a_share_of_the_invented_values_repeats_a_part_of_itself() -> None:
    base = World("b", [Country("A", "train", {r.label: ("abcdefgh",) for r in RELATIONS})])

    def repeating(share: float) -> float:
        """Of values whose words are not invented anew, since there are none of three letters."""
        made = World("b", [Country("A", "train", {r.label: ("ab,cd.ef-gh",) for r in RELATIONS})])
        world = synthetic_world(3, made, countries=20, invented=1.0, namesakes=0.0, echoes=share)
        values = [values[0] for country in world.countries for values in country.facts.values()]
        assert all(len(value) > len("ab,cd.ef-gh") or value == "ab,cd.ef-gh" for value in values)
        return sum(value != "ab,cd.ef-gh" for value in values) / len(values)

    assert repeating(0.0) == 0.0
    assert 0.4 < repeating(0.5) < 0.6
    assert repeating(1.0) == 1.0
    assert synthetic_world(3, base, countries=2, invented=0.0, echoes=1.0).countries[0].facts == {
        r.label: ("abcdefgh",) for r in RELATIONS
    }


@pytest.mark.parametrize("seed", range(20))
def test_an_echo_is_the_value_with_a_part_of_it_once_or_twice_more(seed: int) -> None:
    value = "ab,cd.ef-gh"
    found = synthetic._echo(random.Random(seed), value)
    assert any(
        found == value[:end] + (between + value[begin:end]) * times + value[end:]
        for begin in range(len(value))
        for end in range(begin + 1, begin + 6)
        for between in ("", ",", "/", " ", "-")
        for times in (1, 2)
    )


def test_only_train_countries_lend() -> None:
    train = {r.label: (f"lent {r.label}",) for r in RELATIONS}
    held_out = {r.label: ("secret",) for r in RELATIONS}
    base = World("b", [Country("A", "train", train, ("Prose.",)), Country("B", "test", held_out, ("Secret.",))])
    world = synthetic_world(0, base, countries=5, invented=0.0)
    for made in world.countries:
        assert made.split == "train"
        assert made.prose == ("Prose.",)
        assert made.facts == {r.label: (f"lent {r.label}",) for r in RELATIONS}


def test_the_share_of_invented_values() -> None:
    base = factbook_world()
    known = {(label, a[0]) for c in base.countries for label, a in c.facts.items()}
    shares = {}
    for invented in (0.0, 0.5, 1.0):
        values = [
            (label, a[0]) for c in synthetic_world(1, base, invented=invented).countries for label, a in c.facts.items()
        ]
        shares[invented] = sum(value in known for value in values) / len(values)
    assert shares[0.0] == 1.0
    assert 0.4 < shares[0.5] < 0.65
    assert shares[1.0] < 0.2  # short values, and those made from the country's name, may come out as others by chance


def test_reshaped_values_keep_units_and_form() -> None:
    value = "1,285,216 sq km of Nevado and 30.4 years UTC-5"
    reshaped = synthetic._reshaped(random.Random(0), value, ())
    form = r"[1-9],[1-9]{3},[1-9]{3} sq km of [A-ZÉÍÓÃÜ]\w+ and [1-9]{2}\.[1-9] years UTC-[1-9]"
    assert re.fullmatch(form, reshaped)
    assert reshaped != value


def test_names_are_built_from_the_pieces_given() -> None:
    names = [c.name for c in synthetic_world(3, factbook_world(), countries=60, pieces=("qq", " qx")).countries]
    assert len({name.lower() for name in names}) == 60
    words = [word for name in names for word in name.lower().split()]
    pieced = [word for word in words if re.fullmatch("(qq|qx)+", word)]
    assert 0.3 < len(pieced) / len(words) < 0.9
    assert all(word for word in words)


def test_a_share_of_the_countries_that_values_name_are_of_the_same_world_and_chains_go_on_there() -> None:
    base = factbook_world()

    def of_this_world(share: float) -> tuple[float, World]:
        world = synthetic_world(3, base, countries=20, namesakes=0.0, neighbours=share)
        names = {country.name for country in world.countries}
        labels = [relation.label for relation in RELATIONS if relation.names_country]
        named = [(c.name, c.facts[label][0]) for c in world.countries for label in labels if label in c.facts]
        assert not [name for name, value in named if value == name], "no country is its own neighbour"
        return sum(value in names for _, value in named) / len(named), world

    none, before = of_this_world(0.0)
    half, world = of_this_world(0.5)
    assert none == 0.0
    assert 0.3 < half < 0.7
    assert of_this_world(1.0)[0] == 1.0
    for old, new in zip(before.countries, world.countries, strict=True):
        changed = {label for label in old.facts if old.facts[label] != new.facts[label]}
        assert (old.name, old.prose) == (new.name, new.prose)
        assert changed <= {relation.label for relation in RELATIONS if relation.names_country}
    chains = compose([world], composition=Composition.CHAINED, objectives=4, count=50, seed=0, split="train")
    asked = [one.question for task in chains for one in task.objectives]
    assert [one for one in asked if one.endswith(" of the previous answer?")]
    without = compose([before], composition=Composition.CHAINED, objectives=4, count=50, seed=0, split="train")
    assert not [one for task in without for one in task.objectives if one.question.endswith(" of the previous answer?")]
