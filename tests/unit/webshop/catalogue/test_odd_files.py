"""Catalogues that are not quite as published: refused with file and record, or read; every product opens."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import DataError
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.catalogue.goals import human_goals, read_human_index, read_human_instructions, synthetic_goals
from mem1.webshop.catalogue.products import Product, read_products
from mem1.webshop.shop.kinds import Mode
from mem1.webshop.shop.moves import Click, Search
from mem1.webshop.shop.state_machine import START, Machine, State

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases" / "shop"

ITEM: dict[str, Any] = {
    "asin": "B000000001",
    "name": "Red Wool Scarf",
    "full_description": "Warm.",
    "small_description": ["Soft wool"],
    "pricing": "$19.99",
    "category": "fashion",
    "query": "scarf",
    "product_category": "Clothing",
    "customization_options": {"color": [{"value": "Red"}, {"value": "Blue"}]},
}
ABOUT: dict[str, Any] = {"attributes": ["wool"], "instruction": "I want a scarf", "instruction_attributes": ["wool"]}


def products(tmp_path: Path, item: dict[str, Any], about: Any = ABOUT, asin: str | None = None) -> list[Product]:
    items, attributes = tmp_path / "items.json", tmp_path / "ins.json"
    items.write_text(json.dumps([ITEM | {"asin": "B000000000"}, item]))
    attributes.write_text(json.dumps({asin or item["asin"]: about}))
    return read_products(items, attributes)


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"small_description": None}, "bullets", ()),
        ({"small_description": "Soft"}, "bullets", ("Soft",)),
        ({"full_description": None}, "description", ""),
        ({"customization_options": None}, "options", {}),
        ({"customization_options": {"color": None}}, "options", {}),
        ({"pricing": None}, "prices", (100.0,)),
        ({"query": None}, "query", ""),
    ],
)
def test_null_is_read_as_absent(tmp_path: Path, changes: dict[str, Any], field: str, value: Any) -> None:
    found = products(tmp_path, ITEM | changes)[1]
    assert getattr(found, field) == value
    assert found.search_text()


@pytest.mark.parametrize("about", [None, {}, {"attributes": None, "instruction": None, "instruction_attributes": None}])
def test_a_product_without_attributes_has_no_goal(tmp_path: Path, about: Any) -> None:
    found = products(tmp_path, ITEM, about)
    assert (found[1].attributes, found[1].instruction) == ((), None)
    assert synthetic_goals(found, seed=0) == []


@pytest.mark.parametrize(
    ("changes", "about", "message"),
    [
        ({}, ABOUT | {"attributes": "wool"}, "'attributes' must be a list of texts, got 'wool'"),
        ({}, ABOUT | {"attributes": [5]}, r"'attributes' must be a list of texts, got \[5\]"),
        ({}, ABOUT | {"attributes": {"wool": 1}}, "'attributes' must be a list of texts"),
        ({}, ABOUT | {"attributes": ["wool", None]}, "'attributes' must be a list of texts"),
        ({}, ABOUT | {"instruction_attributes": "soft"}, "'instruction_attributes' must be a list of texts"),
        ({}, ABOUT | {"instruction_attributes": [["soft"]]}, "'instruction_attributes' must be a list of texts"),
        ({}, ABOUT | {"instruction": 5}, "'instruction' must be a text"),
        ({}, ["wool"], "the attributes of B000000001 must be an object"),
        ({"small_description": ["Soft", None]}, ABOUT, "'small_description' must be a list of texts"),
        ({"small_description": {"a": 1}}, ABOUT, "'small_description' must be a list of texts"),
        ({"name": ["Scarf"]}, ABOUT, "'name' must be a text"),
        ({"pricing": "$" + "9" * 400}, ABOUT, "'pricing' must hold numbers"),
        ({"customization_options": {"color": "Red"}}, ABOUT, "'customization_options' must be lists of objects"),
        ({"customization_options": {"color": [{"value": None}]}}, ABOUT, "'customization_options' must be lists"),
        ({"asin": "b000000000"}, ABOUT, "differ in case only"),
        ({"name": "Red \ud83d Scarf"}, ABOUT, "name: the text holds half a surrogate pair"),
        ({"weight": float("nan")}, ABOUT, "weight: the number nan is not finite"),
    ],
)
def test_what_is_no_catalogue_is_refused_with_its_record(
    tmp_path: Path, changes: dict[str, Any], about: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        products(tmp_path, ITEM | changes, about)
    assert caught.value.where == f"{tmp_path / 'items.json'}, record 1"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'[{"asin":"B1","x":' + b"[" * 3000 + b"]" * 3000 + b"}]", "nested too deeply"),
        (b'[{"asin":"B1","x":' + b"[" * 150 + b"]" * 150 + b"}]", "nested deeper than 100"),
        ('[{"asin": "é"}]'.encode("latin-1"), "most likely Latin-1"),
        ('[{"asin": "é"}]'.encode("utf-16"), "not UTF-8 but UTF-16"),
        (b'[{"asin": "B1"', "breaks off"),
        (b"PK\x03\x04", "a ZIP archive"),
    ],
)
def test_unreadable_files_are_refused_by_name(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "items.json").write_bytes(data)
    (tmp_path / "ins.json").write_text("{}")
    with pytest.raises(DataError, match=message) as caught:
        read_products(tmp_path / "items.json", tmp_path / "ins.json")
    assert str(tmp_path / "items.json") in str(caught.value.where)
    if not data.startswith(b'[{"asin": "B1"'):
        for read in (read_human_instructions, read_human_index):
            with pytest.raises(DataError):
                read(tmp_path / "items.json")
        (tmp_path / "good.json").write_text(json.dumps([ITEM]))
        with pytest.raises(DataError):
            read_products(tmp_path / "good.json", tmp_path / "items.json")


def test_a_byte_order_mark_and_gzip_are_no_matter(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_bytes(gzip.compress(b"\xef\xbb\xbf" + json.dumps([ITEM]).encode()))
    (tmp_path / "ins.json").write_bytes(b"\xef\xbb\xbf" + json.dumps({ITEM["asin"]: ABOUT}).encode())
    (only,) = read_products(tmp_path / "items.json", tmp_path / "ins.json")
    assert only.attributes == ("wool",)


class Shelf:
    """Finds everything."""

    name = "shelf"

    def __init__(self, asins: tuple[str, ...]) -> None:
        self.asins = asins

    def __call__(self, words: str) -> tuple[str, ...]:
        return self.asins


def opened(found: list[Product], asin: str, mode: Mode = "strict") -> tuple[Machine, State]:
    machine = Machine({one.asin: one for one in found}, Shelf(tuple(one.asin for one in found)), mode)
    return machine, machine.after(machine.after(START, Search(query="x")), Click(target=asin))


@pytest.mark.parametrize("asin", ["b00000000a", "B00000000a", "B00000000A"])
@pytest.mark.parametrize("known_as", ["b00000000a", "B00000000A"])
def test_a_product_is_opened_whatever_the_case_of_its_asin(tmp_path: Path, asin: str, known_as: str) -> None:
    found = products(tmp_path, ITEM | {"asin": asin}, asin=known_as)
    assert found[1].attributes == ("wool",)
    for written in (asin, asin.lower(), asin.upper()):
        assert opened(found, written)[1].asin == asin
    said = {known_as: [{"instruction": "A scarf.", "instruction_attributes": ["wool"], "instruction_options": []}]}
    assert [goal.asin for goal in human_goals(found, said, seed=0)] == [asin]


@pytest.mark.parametrize("value", ["Description", "Buy Now", "< Prev", "Back to Search", "reviews", "FEATURES"])
def test_an_option_named_like_a_button_can_be_chosen_in_strict_mode(tmp_path: Path, value: str) -> None:
    options = {"View": [{"value": value}, {"value": "plain"}]}
    found = products(tmp_path, ITEM | {"customization_options": options})
    machine, state = opened(found, ITEM["asin"])
    name = f"view: {value.lower()}"
    assert {name, "plain"} <= set(machine.clickables(state))
    chosen = machine.after(state, Click(target=name))
    assert dict(chosen.options) == {"view": value.lower()}
    assert machine.after(state, Click(target=value)).page != state.page  # the button still is one
    compat, there = opened(found, ITEM["asin"], "compat")
    assert name not in compat.clickables(there)
    assert (compat.unreachable(), machine.unreachable()) == (1, 0)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ({"instruction": "x", "instruction_attributes": "wool", "instruction_options": []}, "must be a list of texts"),
        ({"instruction": "x", "instruction_attributes": ["wool"], "instruction_options": "red"}, "list of texts"),
        ({"instruction": "x", "instruction_attributes": ["wool"], "instruction_options": {"c": 5}}, "list of texts"),
        ({"instruction": None, "instruction_attributes": ["wool"], "instruction_options": []}, "lacks something"),
        (None, "lacks something"),
    ],
)
def test_human_instructions_are_refused_by_product(tmp_path: Path, record: Any, message: str) -> None:
    found = products(tmp_path, ITEM)
    with pytest.raises(DataError, match=message):
        human_goals(found, {ITEM["asin"]: [record]}, seed=0)
    with pytest.raises(DataError, match="must be a list"):
        human_goals(found, {ITEM["asin"]: {"a": 1}}, seed=0)  # type: ignore[dict-item]
    assert human_goals(found, {ITEM["asin"]: None}, seed=0) == []  # type: ignore[dict-item]


@pytest.mark.skipif(not CASES.exists(), reason="the shared cases are not here")
@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("bullet_null", None),
        ("ins_null", None),
        ("asin_lower", None),
        ("opt_buttons", None),
        ("attr_str", "'attributes' must be a list of texts"),
        ("attr_int", "'attributes' must be a list of texts"),
        ("surrogate", "half a surrogate pair"),
        ("deep", "nested too deeply"),
    ],
)
def test_the_cases_that_failed(name: str, refused: str | None) -> None:
    instructions = CASES / f"shop_{name}_ins.json"
    attributes = instructions if instructions.exists() else CASES / "shop_attr_str_ins.json"
    shop = WebshopConfig(items=CASES / f"shop_{name}.json", attributes=attributes).build()
    if refused is not None:
        with pytest.raises(DataError, match=refused):
            _ = shop.goals
        return
    (asin,) = shop.products
    assert len(shop.goals) == (0 if name == "ins_null" else 2)
    assert opened(list(shop.products.values()), asin.lower())[1].asin == asin
