"""BM25 with Lucene's arithmetic."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.errors import DataError
from mem1.retrieval.bm25.lucene import LuceneBm25
from mem1.retrieval.bm25.scoring import quantised_length
from mem1.webshop.catalogue.products import read_products
from tests.published import ATTRIBUTES, ITEMS, REFERENCE, needs_published_files


@pytest.mark.parametrize(
    ("length", "kept"),
    [(0, 0), (23, 23), (24, 24), (39, 39), (40, 40), (41, 40), (42, 42), (100, 96), (128, 128), (129, 128), (343, 312)],
)
def test_quantised_length(length: int, kept: int) -> None:
    # 100 - 24 = 76 = 0b1001100: four bits stay, 72, and 72 + 24 = 96.
    assert quantised_length(length) == kept


@settings(deadline=None)
@given(st.integers(0, 100_000))
def test_a_quantised_length_is_never_longer_and_never_shrinks_again(length: int) -> None:
    kept = quantised_length(length)
    assert length * 8 / 9 - 1 < kept <= length
    assert quantised_length(kept) == kept
    assert quantised_length(length + 1) >= kept


def test_scores_by_hand() -> None:
    index = LuceneBm25(["b", "a", "c"], ["red lamp lamp", "blue lamp", "green chair set"])
    # 8 words in 3 documents; "lamp" is in 2 of 3: idf = ln(1 + 1.5 / 2.5).
    idf, mean = math.log(1 + 1.5 / 2.5), 8 / 3
    first = idf * 2 / (2 + 0.9 * (0.6 + 0.4 * 3 / mean))
    second = idf * 1 / (1 + 0.9 * (0.6 + 0.4 * 2 / mean))
    (one, one_score), (other, other_score) = index.search("lamps", 10)
    assert (one, other) == (0, 1)
    assert one_score == pytest.approx(first, rel=1e-6)
    assert other_score == pytest.approx(second, rel=1e-6)
    assert index.search("lamp lamp", 10)[0][1] == pytest.approx(2 * first, rel=1e-6)  # a word said twice counts twice


def test_equal_scores_come_by_name_and_are_cut_by_name() -> None:
    index = LuceneBm25(["d", "b", "c", "a"], ["one lamp"] * 4)
    assert [position for position, _ in index.search("lamp", 3)] == [3, 1, 2]


def test_nothing_found() -> None:
    index = LuceneBm25(["a"], ["lamp"])
    assert index.search("chair", 5) == index.search("the", 5) == index.search("", 5) == index.search("lamp", 0) == ()


def test_documents_without_a_word() -> None:
    index = LuceneBm25(["a", "b"], ["", "lamp"])
    assert [position for position, _ in index.search("lamp", 5)] == [1]


@pytest.mark.parametrize(("names", "texts"), [([], []), (["a"], ["x", "y"])])
def test_wrong_input(names: list[str], texts: list[str]) -> None:
    with pytest.raises(DataError, match="documents to search"):
        LuceneBm25(names, texts)


@needs_published_files
def test_255_of_255_recorded_rankings_are_lucenes_to_the_last_product_and_the_last_recorded_decimal() -> None:
    products = read_products(ITEMS, ATTRIBUTES)
    asins = [product.asin for product in products]
    index = LuceneBm25(asins, (product.search_text() for product in products))
    rows = [json.loads(line) for line in REFERENCE.read_text(encoding="utf-8").splitlines()]
    furthest, scores = 0.0, 0
    for row in rows:
        found = {asins[position]: score for position, score in index.search(row["query"], 50)}
        assert list(found) == [asin for asin, _ in row["hits"]], row["query"]
        furthest = max(furthest, *(abs(found[asin] - score) for asin, score in row["hits"]))
        scores += len(row["hits"])
    assert (len(rows), scores) == (255, 12_047)
    assert furthest < 5.1e-5  # four decimals were recorded, a few of them of single precision
