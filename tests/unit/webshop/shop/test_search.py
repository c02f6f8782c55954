"""The index behind the shop's search."""

from __future__ import annotations

import pytest

from mem1.errors import ConfigError
from mem1.webshop.catalogue.config import WebshopConfig
from mem1.webshop.shop.search import LuceneSearch
from tests.unit.webshop.shop.shops import product

PRODUCTS = tuple(WebshopConfig(products=150).build().products.values())


def test_a_product_is_found_by_its_own_words() -> None:
    search = LuceneSearch(PRODUCTS)
    for one in PRODUCTS[:20]:
        found = search(one.search_text())
        assert found[0] == one.asin
        assert len(found) == len(set(found)) <= 50
    assert search("zzz") == search("the and of") == search("") == ()


def test_equal_scores_come_by_asin() -> None:
    search = LuceneSearch([product(asin, options={}) for asin in ("W3", "W1", "W2")])
    assert search("lamp") == ("W1", "W2", "W3")


def test_products_without_a_word() -> None:
    with pytest.raises(ConfigError, match="no product holds a word"):
        LuceneSearch([product("W1", title="", description="", bullets=(), options={})])
