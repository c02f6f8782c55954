"""The two indexes behind the shop's search."""

from __future__ import annotations

import pytest

from mem1.envs.webshop import search as module
from mem1.envs.webshop.search import Bm25sSearch, LuceneSearch, ProductSearch, make_search
from mem1.errors import ConfigError
from mem1.tasks.webshop.source import WebshopConfig
from tests.unit.envs.webshop.shops import product

PRODUCTS = tuple(WebshopConfig(products=150).build().products.values())


@pytest.mark.parametrize("make", [LuceneSearch, Bm25sSearch])
def test_a_product_is_found_by_its_own_words(make: type[LuceneSearch] | type[Bm25sSearch]) -> None:
    search: ProductSearch = make(PRODUCTS)
    for one in PRODUCTS[:20]:
        found = search(one.search_text())
        assert found[0] == one.asin
        assert len(found) == len(set(found)) <= 50
    assert search("zzz") == search("the and of") == search("") == ()


@pytest.mark.parametrize("make", [LuceneSearch, Bm25sSearch])
def test_equal_scores_come_by_asin(make: type[LuceneSearch] | type[Bm25sSearch]) -> None:
    search = make([product(asin, options={}) for asin in ("W3", "W1", "W2")])
    assert search("lamp") == ("W1", "W2", "W3")


def test_both_find_nearly_the_same() -> None:
    one, other = LuceneSearch(PRODUCTS), Bm25sSearch(PRODUCTS)
    queries = [item.instruction for item in PRODUCTS[:60] if item.instruction]
    shared = [len({*one(query)} & {*other(query)}) / max(len(one(query)), 1) for query in queries]
    assert sum(shared) / len(shared) > 0.9


def test_which_index_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_search(PRODUCTS).name == "lucene"
    assert make_search(PRODUCTS, "bm25s").name == "bm25s"
    monkeypatch.setattr(module, "LARGE", 100)
    assert make_search(PRODUCTS).name == "bm25s"


def test_products_without_a_word() -> None:
    with pytest.raises(ConfigError, match="no product holds a word"):
        Bm25sSearch([product("W1", title="", description="", bullets=(), options={})])
