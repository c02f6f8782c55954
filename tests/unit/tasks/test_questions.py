"""Question marks and sameness in any script."""

from __future__ import annotations

import pytest

from mem1.tasks.compose import make_task
from mem1.tasks.questions import asked_alike, asks
from mem1.types import Composition, Objective


def objective(question: str, standalone: str | None = None) -> Objective:
    return Objective(id="q", question=question, answers=("a",), source="toy", standalone=standalone)


@pytest.mark.parametrize(
    "question",
    [
        "Who?",
        "谁画了谷仓？",
        "أين تقع البحيرة؟",
        "Πού είναι η λίμνη;",
        "Πού είναι η λίμνη\N{GREEK QUESTION MARK}",
        "Որտե՞ղ",
        "የት ነው፧",
        "谁﹖",
        "Really⁈",
        "What‽",
        "؟ہے کہاں جھیل"[::-1],
    ],
)
def test_no_second_question_mark_behind_a_scripts_own(question: str) -> None:
    assert asks(question)
    task = make_task([objective(question)], Composition.PARALLEL, "test")
    assert task.objectives[0].question == question


@pytest.mark.parametrize(
    "question", ["Who", "who is it;", "这座湖在哪里", "¿", "Name it.", 'Who said "why?"', "Որտեղ", "x" * 3]
)
def test_a_question_without_one_gets_the_published_one(question: str) -> None:
    assert not asks(question)
    task = make_task([objective(question)], Composition.PARALLEL, "test")
    assert task.objectives[0].question == question + "?"


def test_questions_are_alike_whatever_their_case_marks_articles_and_form() -> None:
    alike = ["Where is the blue lake?", "where  is blue LAKE", "Where is the “blue” lake？"]
    assert len({asked_alike(objective(one)) for one in alike}) == 1
    assert asked_alike(objective("Where is the red lake?")) != asked_alike(objective(alike[0]))
    assert asked_alike(objective("???")) == "???"  # nothing is left of it: it stands for itself
    assert asked_alike(objective("And then?", standalone="Blue lake?")) == asked_alike(objective("the blue lake"))
