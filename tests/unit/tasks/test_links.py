"""Every kind of link by hand; every link of the Factbook can be checked and stays in its split."""

from __future__ import annotations

import random
import time
from itertools import pairwise

import pytest

from mem1.tasks.base import Split
from mem1.tasks.compose import compose
from mem1.tasks.factbook.country import Country
from mem1.tasks.factbook.relations import ALIASES
from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.factbook.world import SPLITS, World
from mem1.types import Composition, Objective, Task
from tests.unit.tasks.countries import country, small_world


def asked(world: World, name: str, label: str) -> Objective:
    """The one-hop question."""
    found = [o for split in SPLITS for o in world.objectives(split) if o.id == f"{world.name}/{name}/{label}"]
    return found[0]


def linked(world: World, name: str, label: str) -> dict[str, Objective]:
    """All questions that can follow, by id."""
    previous = asked(world, name, label)
    drawn = [world.link(previous, random.Random(seed)) for seed in range(60)]
    return {objective.id: objective for objective in drawn if objective is not None}


def test_to_the_country_that_the_answer_names() -> None:
    found = linked(small_world(), "Peru", "longest border")
    assert set(found) == {
        "small/Brazil/capital<",
        "small/Brazil/longest border<",
        "small/Brazil/lowest point<",
        "small/Brazil/top customer<",
    }
    assert found["small/Brazil/capital<"] == Objective(
        id="small/Brazil/capital<",
        question="What is the capital of the previous answer?",
        standalone="What is the capital of Brazil?",
        answers=("Brasília",),
        source="small",
        metadata={"entity": "Brazil", "relation": "capital", "hops": 1, "bridge": "", "about": "capital of Brazil"},
    )


def test_to_a_country_named_by_its_short_form() -> None:
    (found,) = linked(small_world(), "Ghana", "top customer").values()
    assert found.standalone == "What is the capital of United Arab Emirates?"


def test_to_the_same_country_by_a_value_of_its_own() -> None:
    found = linked(small_world(), "Brazil", "longest border")  # Bolivia is no country of this world
    assert set(found) == {
        "small/Brazil/capital<longest border",
        "small/Brazil/lowest point<longest border",
        "small/Brazil/top customer<longest border",
    }
    one = found["small/Brazil/capital<longest border"]
    assert one.question == "What is the capital of the country whose longest border is the previous answer?"
    assert one.standalone == "What is the capital of the country whose longest border is Bolivia?"
    assert one.metadata == {
        "entity": "Brazil",
        "relation": "capital",
        "hops": 2,
        "bridge": "longest border",
        "about": "capital of the country whose longest border is Bolivia",
    }


def test_to_the_other_country_with_this_value() -> None:
    found = linked(small_world(), "Brazil", "lowest point")
    assert set(found) == {f"small/Ghana/{label}<lowest point" for label in ("capital", "top supplier", "top customer")}
    one = found["small/Ghana/capital<lowest point"]
    assert one.question == "What is the capital of the other country whose lowest point is the previous answer?"
    assert one.standalone == "What is the capital of the other country whose lowest point is atlantic ocean?"


def test_to_the_one_country_that_names_the_same_country() -> None:
    found = linked(small_world(), "Brazil", "top customer")  # China, which is in another split
    assert {o.metadata["entity"] for o in found.values()} == {"Ghana"}
    one = found["small/Ghana/capital<top supplier"]
    assert one.question == "What is the capital of the country whose top supplier is the previous answer?"
    assert one.standalone == "What is the capital of the country whose top supplier is China?"


def test_where_nothing_follows() -> None:
    assert linked(small_world(), "United Arab Emirates", "capital") == {}  # there is no other fact to ask for
    shared = World("w", [country(name, "train", region="Asia", capital=name) for name in "ABC"])
    assert linked(shared, "A", "region") == {}  # three countries have the value


def test_no_link_to_another_split() -> None:
    countries = [country("A", "train", lowest_point="Sea", capital="a"), country("B", "test", lowest_point="Sea")]
    assert linked(World("w", countries), "A", "lowest point") == {}
    named = [country("A", "train", longest_border="B", capital="a"), country("B", "test", capital="b", region="c")]
    assert {o.metadata["entity"] for o in linked(World("w", named), "A", "longest border").values()} == {"A"}


def test_chains_start_where_they_can_get_away() -> None:
    world = World(
        "w",
        [
            country("A", "train", longest_border="B", capital="a"),
            country("B", "train", capital="b", internet_code=".b"),
        ],
    )
    starts = [world.start(random.Random(seed), "train").id for seed in range(60)]
    assert set(starts) == {"w/A/longest border", "w/A/capital"}
    assert starts.count("w/A/longest border") > starts.count("w/A/capital")
    stuck = World("w", [country("B", "dev", capital="b", internet_code=".b")])
    assert {stuck.start(random.Random(seed), "dev").id for seed in range(20)} == {"w/B/capital", "w/B/internet code"}


# ---------------------------------------------------------------- the Factbook


def chains(split: Split, objectives: int, count: int) -> list[Task]:
    return compose(
        [factbook_world()], composition=Composition.CHAINED, objectives=objectives, count=count, seed=0, split=split
    )


def described(before: Objective, after: Objective) -> list[Country]:
    """The countries that the second question can mean, worked out from the first answer and the facts alone."""
    world, bridge, answer = factbook_world(), after.metadata["bridge"], before.answers[0]
    if not bridge:
        return [c for c in world.countries if c.name == ALIASES.get(answer, answer)]
    fitting = [c for c in world.countries if c.facts.get(bridge, ("",))[0].lower() == answer.lower()]
    if "the other country" in after.question:
        return [c for c in fitting if c.name != before.metadata["entity"]]
    return fitting


@pytest.mark.parametrize("split", SPLITS)
def test_every_link_means_one_country_of_the_split(split: Split) -> None:
    for task in chains(split, 12, 100):
        for before, after in pairwise(task.objectives):
            (only,) = described(before, after)
            assert only.name == after.metadata["entity"]
            assert only.split == split
            assert after.answers == only.facts[after.metadata["relation"]]
            assert "the previous answer" in after.question
            assert "previous" not in str(after.standalone)


@pytest.mark.parametrize(("split", "countries"), [("train", 4.0), ("dev", 2.0), ("test", 3.0)])
def test_chains_of_eight_move_and_ask_nothing_twice(split: Split, countries: float) -> None:
    tasks = chains(split, 8, 200)
    for task in tasks:
        facts = [(o.metadata["entity"], o.metadata["relation"]) for o in task.objectives]
        assert len(set(facts)) == 8
    visited = [len({o.metadata["entity"] for o in task.objectives}) for task in tasks]
    assert sum(visited) / len(visited) > countries


def test_the_same_id_is_the_same_question() -> None:
    seen: dict[str, Objective] = {}
    for task in chains("test", 16, 100):
        for objective in task.objectives:
            assert seen.setdefault(objective.id, objective) == objective


def test_a_thousand_chains_take_less_than_a_second() -> None:
    chains("test", 8, 1)  # what is worked out once
    fastest = min(_seconds() for _ in range(3))
    assert fastest < 1


def _seconds() -> float:
    began = time.process_time()
    chains("test", 8, 1000)
    return time.process_time() - began
