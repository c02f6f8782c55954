"""BM25 against numbers worked out by hand, and its order against brute force."""

from __future__ import annotations

import asyncio
import math
from collections import Counter

import bm25s
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.errors import DataError
from mem1.retrieval.base import Hit, Passage, Retriever
from mem1.retrieval.bm25.memory import Bm25Retriever
from mem1.retrieval.bm25.scoring import best_rows
from mem1.retrieval.bm25.tokens import words


def passages(*texts: tuple[str, str]) -> list[Passage]:
    return [Passage(id=str(i), title=title, text=text) for i, (title, text) in enumerate(texts)]


# Lengths 2, 3, 2; mean 7/3.
CORPUS = passages(("Red", "fox"), ("Blue", "fox, fox!"), ("Green", "owl"))


def search(retriever: Retriever, query: str, top_k: int = 3) -> list[Hit]:
    return asyncio.run(retriever.search([query], top_k))[0]


def found(retriever: Retriever, query: str, top_k: int = 3) -> list[str]:
    return [hit.passage.id for hit in search(retriever, query, top_k)]


def test_scores_by_hand() -> None:
    retriever = Bm25Retriever(CORPUS)
    # owl: idf ln(1 + 2.5/1.5) = .980829; .9 (.6 + .4 * 6/7) = .848571; .980829 / 1.848571
    (owl,) = search(retriever, "owl")
    assert owl.passage.id == "2"
    assert owl.score == pytest.approx(0.530588, abs=1e-5)
    # fox: idf ln(1 + 1.5/2.5) = .470004; passage 1: 2 / (2 + .9 (.6 + .4 * 9/7)) = .666032
    first, second = search(retriever, "fox")
    assert first.passage.id == "1"
    assert first.score == pytest.approx(0.313038, abs=1e-5)
    assert second.passage.id == "0"
    assert second.score == pytest.approx(0.254252, abs=1e-5)


def test_titles_are_searched_and_a_repeated_word_counts_twice() -> None:
    retriever = Bm25Retriever(CORPUS)
    assert found(retriever, "GREEN") == ["2"]
    assert search(retriever, "owl owl")[0].score == pytest.approx(2 * 0.530588, abs=1e-5)


def test_k1_and_b_are_heeded() -> None:
    # k1 = 0: only idf; b = 0: length does not matter.
    assert search(Bm25Retriever(CORPUS, k1=0.0), "owl")[0].score == pytest.approx(0.980829, abs=1e-5)
    assert search(Bm25Retriever(CORPUS, b=0.0), "owl")[0].score == pytest.approx(0.980829 / 1.9, abs=1e-5)


@pytest.mark.parametrize("query", ["", "   ", "?!.", "zebra", "_"])
def test_nothing_to_look_for_finds_nothing(query: str) -> None:
    assert found(Bm25Retriever(CORPUS), query) == []


def test_ties_come_in_corpus_order_even_at_the_border() -> None:
    retriever = Bm25Retriever(passages(*[("same", "text")] * 50, ("other", "text")))
    assert found(retriever, "same", top_k=3) == ["0", "1", "2"]
    assert found(retriever, "text", top_k=60) == [str(i) for i in range(51)]


def test_many_queries_at_once_and_too_many_hits_asked_for() -> None:
    retriever = Bm25Retriever(CORPUS)
    hits = asyncio.run(retriever.search(["owl", "", "fox"], 99))
    assert [[hit.passage.id for hit in one] for one in hits] == [["2"], [], ["1", "0"]]
    assert asyncio.run(retriever.search([], 3)) == []


def test_a_changed_result_does_not_change_the_cache() -> None:
    retriever = Bm25Retriever(CORPUS)
    search(retriever, "fox").clear()
    assert found(retriever, "fox") == ["1", "0"]


def test_bad_input() -> None:
    with pytest.raises(DataError, match="no passage"):
        Bm25Retriever([])
    with pytest.raises(DataError, match="holds a word"):
        Bm25Retriever(passages(("", "?!")))
    with pytest.raises(ValueError, match="top_k"):
        search(Bm25Retriever(CORPUS), "fox", 0)


def test_it_is_a_retriever() -> None:
    assert isinstance(Bm25Retriever(CORPUS), Retriever)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The U.S. GDP: $1,000", ["the", "u", "s", "gdp", "1", "000"]),
        ("São_Tomé's", ["são", "tomé", "s"]),
        ("Sa\u0303o", ["são"]),
        ("北京 Москва", ["北京", "москва"]),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30), st.integers(1, 40))
def test_best_rows_are_what_sorting_everything_gives(values: list[int], top_k: int) -> None:
    expected = [i for i in sorted(range(len(values)), key=lambda i: (-values[i], i)) if values[i] > 0][:top_k]
    assert best_rows(np.array(values, dtype=np.float32), top_k).tolist() == expected


WORD = st.sampled_from("abcde")
TEXT = st.lists(WORD, min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=8), TEXT)
def test_scores_are_those_of_the_formula(texts: list[list[str]], query: list[str]) -> None:
    retriever = Bm25Retriever(passages(*[("", " ".join(text)) for text in texts]))
    mean = sum(map(len, texts)) / len(texts)
    expected = {}
    for i, text in enumerate(texts):
        counts = Counter(text)
        score = 0.0
        for word in query:
            holding = sum(word in other for other in texts)
            idf = math.log(1 + (len(texts) - holding + 0.5) / (holding + 0.5))
            score += idf * counts[word] / (counts[word] + 0.9 * (0.6 + 0.4 * len(text) / mean))
        if score > 0:
            expected[str(i)] = score
    hits = search(retriever, " ".join(query), top_k=10)
    assert {hit.passage.id: hit.score for hit in hits} == pytest.approx(expected, rel=1e-5)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    backwards = search(retriever, " ".join(reversed(query)), top_k=10)
    assert backwards == hits


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXT, min_size=1, max_size=12), TEXT, st.sampled_from([(0.9, 0.4), (1.5, 0.75), (1.2, 0.0)]))
def test_scores_are_those_of_the_library_bm25s(
    texts: list[list[str]], query: list[str], constants: tuple[float, float]
) -> None:
    k1, b = constants
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
    library = bm25s.BM25(k1=k1, b=b, method="lucene", auto_compile=False)
    library.index(([[vocabulary[word] for word in text] for text in texts], dict(vocabulary)), show_progress=False)
    known = sorted(vocabulary[word] for word in query if word in vocabulary)
    theirs = library.get_scores_from_ids(known) if known else np.zeros(len(texts), dtype=np.float32)
    retriever = Bm25Retriever(passages(*[("", " ".join(text)) for text in texts]), k1=k1, b=b)
    ours = {int(hit.passage.id): hit.score for hit in search(retriever, " ".join(query), top_k=20)}
    assert ours == {number: float(score) for number, score in enumerate(theirs) if score > 0}
