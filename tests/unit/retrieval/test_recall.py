"""Whether an answer was found, by hand."""

from __future__ import annotations

import pytest

from mem1.retrieval.base import Hit, Passage
from mem1.retrieval.recall import held_answer, rank_of_answer, recall


@pytest.mark.parametrize(
    ("text", "answers", "held"),
    [
        ("It is Lima.", ("lima",), "lima"),
        ("Limassol", ("Lima",), None),
        ("in November", ("no",), None),
        ("the U.S. Navy", ("US Navy", "U.S. navy"), "U.S. navy"),
        ("Beatles' songs", ("The Beatles",), "The Beatles"),
        ("a Lima-based firm", ("Lima",), "Lima"),
        ("born 1994", ("19", "94"), None),
        ("Jane\nAusten wrote", ("Jane  Austen",), "Jane  Austen"),
        ("a text", ("the", "?!", ""), None),
        ("", ("x",), None),
        ("São Tomé", ("são tomé",), "são tomé"),
    ],
)
def test_held_answers(text: str, answers: tuple[str, ...], held: str | None) -> None:
    assert held_answer(text, answers) == held


def hit(title: str, text: str) -> Hit:
    return Hit(passage=Passage(id=title, title=title, text=text), score=1.0)


def test_ranks_and_recall() -> None:
    hits = [hit("Quito", "in Ecuador"), hit("Lima", "in Peru"), hit("Peru", "Lima is its capital")]
    assert rank_of_answer(hits, ("Lima",)) == 2  # the title counts
    assert rank_of_answer(hits, ("capital",)) == 3
    assert rank_of_answer(hits, ("Bogotá",)) is None
    assert rank_of_answer([], ("Lima",)) is None
    ranks = [1, 3, None, 2]
    assert [recall(ranks, k) for k in (1, 2, 3, 10)] == [0.25, 0.5, 0.75, 0.75]
