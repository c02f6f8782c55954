"""Readers of fields, on texts as the Factbook writes them."""

from __future__ import annotations

import pytest

from mem1.tasks.factbook.relations import ALIASES, RELATIONS, plain

READ = {relation.label: relation.read for relation in RELATIONS}


@pytest.mark.parametrize(
    ("label", "text", "answers"),
    [
        ("capital", "Lima", ("Lima",)),
        ("capital", "Amsterdam; note - The Hague is the seat of government", ("Amsterdam",)),
        ("capital", "none (dependent territory)", ()),
        ("government type", "parliamentary democracy, federal; a Commonwealth realm", None),
        ("government type", "presidential republic", ("presidential republic",)),
        ("independence date", "28 July 1821 (from Spain)", ("28 July 1821",)),
        ("independence date", "none (part of the US)", ()),
        ("voting age", "18 years of age; universal and compulsory until the age of 70", ("18 years",)),
        ("voting age", "limited to members", ()),
        ("official name", "Islamic Republic of Iran", ("Islamic Republic of Iran",)),
        ("official name", "none", ()),
        ("local name", "Al Jaza'ir", ("Al Jaza'ir",)),
        ("nationality", "Swiss (singular and plural)", ("Swiss",)),
        ("nationality", "Motswana or Batswana", ("Motswana",)),
        ("internet code", ".pe", (".pe",)),
        ("internet code", ".uk; note - .gb is reserved", (".uk",)),
        ("highest point", "Nevado Huascaran 6,746 m", ("Nevado Huascaran",)),
        ("highest point", "Mount Everest (highest peak in Asia) 8,849 m", ("Mount Everest",)),
        ("highest elevation", "Nevado Huascaran 6,746 m", ("6,746 m",)),
        ("highest elevation", "unnamed elevation", ()),
        ("lowest point", "Hachiro-gata -4 m", ("Hachiro-gata",)),
        ("main resource", "copper, silver, gold", ("copper",)),
        ("main resource", "none", ()),
        ("region", "South America", ("South America",)),
        ("total area", "1,285,216 sq km", ("1,285,216 sq km", "1,285,216")),
        ("total area", "1.284 million sq km", ()),
        ("coastline", "2,414 km", ("2,414 km", "2,414")),
        ("coastline", "0 km (landlocked)", ()),
        ("longest border", "Bolivia 1,212 km; Brazil 2,659 km; Chile 168 km", ("Brazil",)),
        ("longest border", "Canada 8,891 km (including 2,475 km with Alaska); Mexico 3,111 km", ("Canada",)),
        ("longest border", "Spain (Ceuta) 8 km, Spain (Melilla) 10.5 km; Algeria 1,900 km", ("Algeria",)),
        ("population", "32,768,614 (2025 est.)", ("32,768,614",)),
        ("population", "no indigenous inhabitants", ()),
        ("median age", "30.4 years (2025 est.)", ("30.4 years", "30.4")),
        ("life expectancy", "60 years (2024 est.)", ("60 years", "60")),
        ("largest group", "Mestizo (mixed Indigenous and White) 60.2%, Indigenous 25.8%", ("Mestizo",)),
        ("main religion", "Roman Catholic 56.8%, Evangelical 26.9%, none 9.3%", ("Roman Catholic",)),
        ("largest city", "11.204 million LIMA (capital), 959,000 Arequipa", ("Lima",)),
        ("largest city", "22.620 million São Paulo, 13.728 million Rio de Janeiro", ("São Paulo",)),
        ("largest city", "1,000 (2018)", ()),
        ("time zone", "UTC-5 (same time as Washington, DC, during Standard Time)", ("UTC-5",)),
        ("time zone", "UTC+5.75 (10.75 hours ahead)", ("UTC+5.75",)),
        ("aircraft prefix", "9N", ("9N",)),
        ("aircraft prefix", "VP-F", ("VP-",)),
        ("currency", "nuevo sol (PEN) per US dollar -", ("nuevo sol",)),
        ("currency", "euros per US dollar -", ("euros",)),
        ("main export", "copper ore, gold, refined copper (2023)", ("copper ore",)),
        ("top customer", "China 34%, USA 14%, Canada 5% (2023)", ("China",)),
        ("top supplier", "UAE 26%", ("UAE",)),
        ("main crop", "sugarcane, potatoes, rice (2023)", ("sugarcane",)),
        ("main industry", "mining and refining of minerals; steel", ("mining and refining of minerals",)),
        ("number of airports", "174 (2025)", ("174",)),
        ("number of airports", "0 (2025)", ()),
        ("head of state", "King CHARLES III (since 8 September 2022)", ("King CHARLES III",)),
    ],
)
def test_fields_by_hand(label: str, text: str, answers: tuple[str, ...] | None) -> None:
    expected = ("parliamentary democracy, federal",) if answers is None else answers
    assert READ[label](text) == expected


def test_values_that_are_no_names_are_refused() -> None:
    read = READ["official name"]
    assert read("x" * 40) == ("x" * 40,)
    assert read("x" * 41) == ()
    assert read(" - ") == read("NA") == read("...") == ()


def test_markup_and_hard_blanks_are_taken_out() -> None:
    assert plain("in the\xa0 <em>west</em>,<br><br>mostly") == "in the west , mostly"
    assert READ["capital"]("<strong>name</strong>: Lima") == ()
    assert READ["population"]("<p>1,234</p>") == ("1,234",)


def test_labels_are_unique_and_cards_are_whole() -> None:
    labels = [relation.label for relation in RELATIONS]
    assert len(set(labels)) == len(labels) == 32
    cards = [relation.card for relation in RELATIONS]
    assert len(set(cards)) == 8
    assert sorted(cards, key=lambda card: list(dict.fromkeys(cards)).index(card)) == cards
    assert {r.label for r in RELATIONS if r.names_country} == {"longest border", "top customer", "top supplier"}
    assert {r.label for r in RELATIONS if r.identifies} == {
        "capital",
        "internet code",
        "highest point",
        "aircraft prefix",
    }


def test_aliases_do_not_chain() -> None:
    assert not set(ALIASES) & set(ALIASES.values())
