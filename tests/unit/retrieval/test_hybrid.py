"""Reciprocal rank fusion by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from mem1.config import build
from mem1.errors import BackendError, ConfigError
from mem1.retrieval.base import Hit, Retriever
from mem1.retrieval.bm25.config import Bm25Config
from mem1.retrieval.hybrid import HybridRetriever
from mem1.retrieval.hybrid_config import HybridConfig
from tests.unit.retrieval.fakes import Ranked, passage


def search(retriever: Retriever, query: str, top_k: int) -> list[tuple[str, Any]]:
    (hits,) = asyncio.run(retriever.search([query], top_k))
    return [(hit.passage.id, hit.score) for hit in hits]


def test_fused_scores_by_hand() -> None:
    hybrid = HybridRetriever([Ranked(q="abc"), Ranked(q="bda")])
    # a: 1/61 + 1/63; b: 1/62 + 1/61; c: 1/63; d: 1/62
    assert search(hybrid, "q", 9) == [
        ("b", pytest.approx(1 / 62 + 1 / 61)),
        ("a", pytest.approx(1 / 61 + 1 / 63)),
        ("d", pytest.approx(1 / 62)),
        ("c", pytest.approx(1 / 63)),
    ]
    assert [name for name, _ in search(hybrid, "q", 2)] == ["b", "a"]


def test_the_constant_decides_how_much_the_first_places_weigh() -> None:
    # first in one list against second in both: 1/1 < 1/2 + 1/2 only with a constant above 0
    lists = [Ranked(q="xa"), Ranked(q="ya")]
    assert search(HybridRetriever(lists, rank_constant=60), "q", 1)[0][0] == "a"
    assert search(HybridRetriever(lists, rank_constant=0.0), "q", 3) == [("x", 1.0), ("a", 1.0), ("y", 1.0)]


def test_equal_scores_come_in_order_of_the_parts() -> None:
    assert [name for name, _ in search(HybridRetriever([Ranked(q="ab"), Ranked(q="cd")]), "q", 4)] == list("acbd")


def test_parts_are_asked_for_more_than_is_wanted() -> None:
    """What is third in both lists can be first when fused, so more is looked at than ``top_k``."""
    left, right = Ranked(q="abx"), Ranked(q="cdx")
    assert search(HybridRetriever([left, right], depth=3), "q", 1)[0][0] == "x"
    assert left.calls == [(("q",), 3)]
    assert search(HybridRetriever([left, right], depth=2), "q", 1)[0][0] == "a"
    search(HybridRetriever([left, right], depth=2), "q", 7)
    assert right.calls[-1] == (("q",), 7)


def test_many_queries_and_none() -> None:
    hybrid = HybridRetriever([Ranked(q="a", r=""), Ranked(q="", r="b")])
    found = asyncio.run(hybrid.search(["q", "r", "q"], 3))
    assert [[hit.passage for hit in hits] for hits in found] == [[passage("a")], [passage("b")], [passage("a")]]
    assert asyncio.run(hybrid.search([], 3)) == []


def test_one_failing_part_fails_all() -> None:
    class Down:
        async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
            raise BackendError("down", hint="start it")

    with pytest.raises(BackendError, match="down"):
        search(HybridRetriever([Ranked(q="a"), Down()]), "q", 1)


def test_one_part_is_no_hybrid() -> None:
    with pytest.raises(ConfigError, match="two retrievers or more, got 1"):
        HybridRetriever([Ranked(q="a")])
    with pytest.raises(ConfigError, match="two retrievers or more"):
        build(HybridConfig, {"parts": [{"type": "bm25"}]}, where="test")
    with pytest.raises(ConfigError, match="joins retrievers that are none themselves"):
        build(HybridConfig, {"parts": [{"type": "hybrid"}, {"type": "bm25"}]}, where="test")


def test_the_config_fuses_its_parts() -> None:
    made = build(HybridConfig, {"parts": [{"type": "bm25"}, {"type": "bm25", "b": 0.0}]}, where="test")
    assert made.parts == (Bm25Config(), Bm25Config(b=0.0))
    hybrid = made.build([passage("a"), passage("b")])
    assert search(hybrid, "text of b", 1) == [("b", pytest.approx(2 / 61))]
