from __future__ import annotations

import pytest

from mem1.evaluation.remembering.words import marked, phrases, said, spoiled


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("Côte d'Ivoire", "(1) CÔTE D'IVOIRE;"),
        ("the Beatles", "Beatles?"),
        ("U.S.", "in the U. S.;"),
        ("18 years", "age: 18 years</think>"),
        ("北京", "首都是北京市"),
        ("GMT+1", "zone GMT +1"),
    ],
)
def test_a_text_says_an_answer_whatever_its_punctuation_and_capitals(answer: str, text: str) -> None:
    assert said(phrases([answer]), marked(text)) == 1


@pytest.mark.parametrize(("answer", "text"), [("Niger", "Nigeria"), ("18 years", "118 years"), ("Lima", "Limassol")])
def test_a_part_of_a_word_is_not_an_answer(answer: str, text: str) -> None:
    assert said(phrases([answer]), marked(text)) == 0


def test_neighbours_are_counted_each() -> None:
    assert said(phrases(["petroleum"]), marked("petroleum; petroleum;petroleum")) == 3


def test_an_answer_without_words_gives_nothing_to_look_for() -> None:
    assert phrases(["---", "", "The"]) == ("<the>",)


def test_a_spoiled_copy_is_nearly_the_same_or_runs_on() -> None:
    assert spoiled(["Serbia"], "(1) Serbiaiaiaia", ())
    assert spoiled(["Terre de nos aieux"], "Terre de nos ieux", ())
    assert not spoiled(["Lima"], "Accra; Oslo", ())
    assert not spoiled(["Niger"], "Nigeria", {marked("Nigeria")})  # another question's answer
