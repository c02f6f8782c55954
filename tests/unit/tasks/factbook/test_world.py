"""Questions and passages of a world, by hand."""

from __future__ import annotations

import random

from mem1.retrieval.base import Passage
from mem1.tasks.base import Source
from mem1.tasks.chain import ChainSource
from mem1.tasks.factbook.country import Country
from mem1.tasks.factbook.world import SPLITS, World
from mem1.types import Objective
from tests.unit.tasks.countries import CHINA, PERU, country, small_world


def test_one_hop_questions_by_hand() -> None:
    first = small_world().objectives("train")[0]
    assert first == Objective(
        id="small/Peru/capital",
        question="What is the capital of Peru?",
        answers=("Lima",),
        source="small",
        metadata={"entity": "Peru", "relation": "capital", "hops": 1, "bridge": "", "about": "capital of Peru"},
    )
    assert [o.question for o in small_world().objectives("train")][1:3] == [
        "What is the longest border of Peru?",
        "What is the lowest point of Peru?",
    ]


def test_two_hop_questions_by_hand() -> None:
    found = [o for o in small_world().objectives("test") if o.metadata["hops"] == 2]
    assert [(o.id, o.question, o.answers) for o in found] == [
        (
            "small/China/capital>internet code",
            "What is the internet code of the country whose capital is Beijing?",
            (".cn",),
        ),
        (
            "small/China/internet code>capital",
            "What is the capital of the country whose internet code is .cn?",
            ("Beijing",),
        ),
    ]
    assert found[0].metadata == {
        "entity": "China",
        "relation": "internet code",
        "hops": 2,
        "bridge": "capital",
        "about": "internet code of the country whose capital is Beijing",
    }


def test_a_value_that_two_countries_have_is_no_bridge() -> None:
    world = World(
        "w",
        [
            country("A", "train", capital="Georgetown", internet_code=".a"),
            country("B", "test", capital="GEORGETOWN", internet_code=".b"),
        ],
    )
    assert [o.metadata["bridge"] for o in world.objectives("train")] == ["", "", "internet code"]


def test_a_bridge_leads_to_at_most_two_questions() -> None:
    bridged = [
        o for o in small_world().objectives("train") if o.metadata["entity"] == "Brazil" and o.metadata["bridge"]
    ]
    assert len(bridged) == 2
    assert {o.metadata["bridge"] for o in bridged} == {"capital"}
    assert "capital" not in {o.metadata["relation"] for o in bridged}


def test_questions_are_about_their_split_and_always_the_same() -> None:
    world = small_world()
    assert {o.metadata["entity"] for o in world.objectives("test")} == {"China"}
    assert world.objectives("dev") == ()
    for split in SPLITS:
        assert world.objectives(split) == small_world().objectives(split)


def test_all_accepted_answers_are_kept_and_the_first_is_shown() -> None:
    long = Country("Chile", "train", {"coastline": ("6,435 km", "6,435")})
    world = World("w", [long])
    assert world.objectives("train")[0].answers == ("6,435 km", "6,435")
    assert world.passages[0].text == "country: Chile; coastline: 6,435 km;"


def test_passages_by_hand() -> None:
    world = World("w", [PERU, CHINA])
    assert world.passages == (
        Passage(id="Peru/government", title="Peru, government", text="country: Peru; capital: Lima;"),
        Passage(id="Peru/terrain", title="Peru, terrain", text="country: Peru; lowest point: Pacific Ocean;"),
        Passage(id="Peru/geography", title="Peru, geography", text="country: Peru; longest border: Brazil;"),
        Passage(id="Peru/background/0", title="Peru, background", text="Incas."),
        Passage(id="China/government", title="China, government", text="country: China; capital: Beijing;"),
        Passage(id="China/names", title="China, names", text="country: China; internet code: .cn;"),
    )


def test_relations_of_one_card_share_a_passage() -> None:
    brazil = [p.text for p in small_world().passages if p.id == "Brazil/trade"]
    ghana = [p.text for p in small_world().passages if p.id == "Ghana/trade"]
    assert brazil == ["country: Brazil; top customer: China;"]
    assert ghana == ["country: Ghana; top customer: UAE; top supplier: China;"]


def test_it_is_a_source_and_a_chain_source() -> None:
    world = small_world()
    assert isinstance(world, Source)
    assert isinstance(world, ChainSource)
    first = world.start(random.Random(0), "test")
    assert first.metadata["entity"] == "China"
    following = world.link(first, random.Random(0))
    assert following is not None
    assert following.question in (
        "What is the internet code of the country whose capital is the previous answer?",
        "What is the capital of the country whose internet code is the previous answer?",
    )
