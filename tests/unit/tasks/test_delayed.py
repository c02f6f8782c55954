"""Questions that ask again for what was answered some questions earlier."""

from __future__ import annotations

import pytest

from mem1.tasks.config import ComposeConfig
from mem1.tasks.delayed import delayed
from mem1.types import Composition, Objective
from tests.unit.tasks.countries import small_world


def plain(name: str, *answers: str) -> Objective:
    return Objective(id=name, question=f"What is {name}?", answers=answers, source="test")


def test_delayed_by_hand() -> None:
    made = delayed([plain("a", "A"), plain("b", "B", "bee"), plain("c", "C", "cee")], 1)
    assert [one.question for one in made] == [
        "(1) What is a?",
        "(2) What is b? And what was the answer to (1)?",
        "(3) What is c? And what was the answer to (2)?",
    ]
    assert [one.answers for one in made] == [
        ("A",),
        ("B, A", "B, (1) A", "bee, A", "bee, (1) A"),
        ("C, B", "C, (2) B", "C, bee", "C, (2) bee", "cee, B", "cee, (2) B", "cee, bee", "cee, (2) bee"),
    ]
    assert [(one.metadata["number"], one.metadata.get("recalls")) for one in made] == [(1, None), (2, 1), (3, 2)]
    assert [one.metadata["about"] for one in made] == ["What is a", "What is b", "What is c"]


def test_a_delay_longer_than_the_task_asks_nothing_again() -> None:
    assert [one.answers for one in delayed([plain("a", "A"), plain("b", "B")], 2)] == [("A",), ("B",)]


def test_a_delay_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="1 or more questions later, got 0"):
        delayed([plain("a", "A")], 0)


def test_a_recipe_composes_them_with_its_delay() -> None:
    config = ComposeConfig(composition=Composition.DELAYED, objectives=4, count=3, delay=3)
    for task in config.build([small_world()], split="train", seed=0):
        assert task.reveal == "one_by_one"
        assert [one.metadata.get("recalls") for one in task.objectives] == [None, None, None, 1]
        first, last = task.objectives[0], task.objectives[3]
        assert last.answers[0] == f"{last.metadata['own'][0]}, {first.answers[0]}"
