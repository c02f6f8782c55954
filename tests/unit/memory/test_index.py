"""Searching a growing collection: by hand, and against the library that indexes corpora."""

from __future__ import annotations

import asyncio
import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.errors import ModelError
from mem1.memory.index import EmbeddingIndex, Index, LexicalIndex
from mem1.retrieval.base import Passage
from mem1.retrieval.bm25.memory import Bm25Retriever
from tests.unit.memory.asks import letters


def filled(index: Index, *texts: str) -> Index:
    for text in texts:
        index.add(text)
    return index


def test_rare_words_count_more_and_equal_ones_come_in_order() -> None:
    index = filled(LexicalIndex(), "the capital of Peru", "the capital of Chile", "the river")
    assert index.search("Peru", 3) == [0]
    assert index.search("the capital", 3) == [0, 1, 2]
    assert index.search("capital of Chile", 2) == [1, 0]
    assert index.search("capital of Chile", 2, without=(1,)) == [0]
    assert index.search("Bolivia", 3) == []
    assert LexicalIndex().search("anything", 3) == []


def test_what_is_added_later_is_found() -> None:
    index = filled(LexicalIndex(), "a b")
    assert index.search("c", 1) == []
    index.add("c d")
    assert index.search("c", 1) == [1]


WORD = st.sampled_from(["ab", "cd", "ef", "gh", "ij", "kl"])
TEXTS = st.lists(st.lists(WORD, min_size=1, max_size=8).map(" ".join), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(texts=TEXTS, query=st.lists(WORD, max_size=4).map(" ".join))
def test_it_ranks_as_the_retriever_does(texts: list[str], query: str) -> None:
    index = filled(LexicalIndex(), *texts)
    retriever = Bm25Retriever([Passage(id=str(k), title="", text=text) for k, text in enumerate(texts)])
    hits = asyncio.run(retriever.search([query], len(texts)))[0]
    wanted = {int(hit.passage.id): hit.score for hit in hits}
    found = index.search(query, len(texts))
    assert set(found) == set(wanted)
    scores = [wanted[number] for number in found]
    assert all(a >= b or math.isclose(a, b, rel_tol=1e-5) for a, b in pairwise(scores))


def test_embeddings_are_compared_by_direction() -> None:
    index = filled(EmbeddingIndex(letters), "aaaa", "ab", "cccd")
    assert index.search("a", 3) == [0, 1]  # cosines 1, 1 / sqrt 2, 0
    assert index.search("aabb", 1) == [1]
    assert index.search("a", 1, without=(0,)) == [1]
    assert index.search("xyz", 3) == []  # points nowhere
    assert EmbeddingIndex(letters).search("a", 1) == []


def test_embeddings_of_two_lengths_are_refused() -> None:
    index = filled(EmbeddingIndex(lambda text: [1.0] * len(text)), "ab")
    with pytest.raises(ModelError, match="has 3 numbers, those before it 2"):
        index.add("abc")
