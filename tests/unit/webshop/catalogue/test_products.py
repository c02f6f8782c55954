"""Reading products from files in the published form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import DataError
from mem1.webshop.catalogue.products import Product, array_items, products_of, read_products
from tests.published import ATTRIBUTES, ITEMS, needs_published_files

RECORD: dict[str, Any] = {
    "asin": "B000000001",
    "name": "Lamp",
    "full_description": "It shines.",
    "small_description": ["Bright", "Small"],
    "pricing": "$19.99 - $27.99",
    "category": "garden",
    "query": " Desk Lamps ",
    "product_category": "Home › Lighting",
    "customization_options": {"Color": [{"value": " Red/Blue ", "image": None}], "Size": None},
}
EXTRA = {"B000000001": {"attributes": ["led light"], "instruction": "Find it", "instruction_attributes": ["led light"]}}


def one(**changes: Any) -> Product:
    (product,) = products_of([RECORD | changes], EXTRA, where="test")
    return product


def test_a_record() -> None:
    product = one()
    assert product.prices == (19.99, 27.99)
    assert product.price_tag == "$19.99 to $27.99"
    assert product.options == {"color": ("red | blue",)}
    assert product.query == "desk lamps"
    assert product.attributes == product.instruction_attributes == ("led light",)
    assert product.search_text() == "lamp it shines. bright color: red | blue"


@pytest.mark.parametrize(
    ("pricing", "prices", "tag"),
    [
        ("", (100.0,), "$100.0"),
        ("$5", (5.0,), "$5.0"),
        ("$1,299.50", (1299.5,), "$1299.5"),
        ("$1 - $2 - $3", (1.0, 2.0), "$1.0 to $2.0"),
    ],
)
def test_prices(pricing: str, prices: tuple[float, ...], tag: str) -> None:
    product = one(pricing=pricing)
    assert product.prices == prices
    assert product.price_tag == tag


def test_the_price_of_a_range_is_drawn_once_for_each_seed() -> None:
    product = one()
    assert product.price(1) == product.price(1) != product.price(2)
    assert 19.99 <= product.price(1) <= 27.99
    assert one(pricing="$5").price(1) == 5.0


def test_a_text_in_place_of_bullet_points() -> None:
    assert one(small_description="Bright").bullets == ("Bright",)
    assert one(small_description=[]).bullets == ()
    assert one(customization_options="").options == {}


def test_records_that_are_left_out() -> None:
    records = [RECORD | {"asin": asin} for asin in ("A1", "nan", "TOO-LONG-ASIN", "A1", "A2")]
    assert [product.asin for product in products_of(records, {}, where="test")] == ["A1", "A2"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": 5}, "'name' must be a text, got '5'"),
        ({"pricing": "about ten"}, "'pricing' must hold numbers"),
        ({"pricing": "$1.2.3"}, "'pricing' must hold numbers"),
        ({"customization_options": {"Size": [{}]}}, "'customization_options' must be lists"),
    ],
)
def test_damaged_records_name_place_and_field(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        one(**changes)
    assert caught.value.where == "test, record 0"


def test_a_large_array_is_read_piece_by_piece(tmp_path: Path) -> None:
    items = [{"asin": str(i), "text": "é" * (i % 700)} for i in range(4000)]  # larger than one chunk
    path = tmp_path / "items.json"
    path.write_text(json.dumps(items, indent=1, ensure_ascii=False), encoding="utf-8")
    assert list(array_items(path)) == items
    assert list(array_items(path, limit=3)) == items[:3]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "does not hold a JSON array"),
        ('[{"a": 1}, {"a"', "breaks off or is damaged after 1 records"),
        ('[{"a": 1}', "breaks off"),
        ("[1]", "record 0 is not an object"),
        ("", "does not hold"),
    ],
)
def test_damaged_files(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "items.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        list(array_items(path))


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is missing"):
        list(array_items(tmp_path / "none.json"))
    with pytest.raises(DataError, match="the file of attributes is missing"):
        read_products(tmp_path / "none.json", tmp_path / "none.json")


@needs_published_files
def test_the_published_files() -> None:
    products = read_products(ITEMS, ATTRIBUTES)
    assert len(products) == 1000
    assert sum(product.instruction is not None for product in products) == 415
    assert products[0].price_tag == "$877.8"
    assert [p.asin for p in read_products(ITEMS, ATTRIBUTES, limit=5)] == [p.asin for p in products[:5]]
