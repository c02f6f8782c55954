"""Promise: training and evaluation share no question, no entity and no objective, however tasks are composed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.errors import DataError
from mem1.tasks.base import Split
from mem1.tasks.compose import check_disjoint, compose
from mem1.tasks.factbook.source import factbook_world
from mem1.tasks.factbook.synthetic import synthetic_world
from mem1.tasks.factbook.world import SPLITS
from mem1.types import Composition, Task

COMPOSITIONS = (Composition.PARALLEL, Composition.SEQUENTIAL, Composition.CHAINED)


def composed(composition: Composition, objectives: int, seed: int) -> dict[str, list[Task]]:
    return {
        split: compose(
            [factbook_world()], composition=composition, objectives=objectives, count=20, seed=seed, split=split
        )
        for split in SPLITS
    }


def test_sources_are_disjoint() -> None:
    check_disjoint({split: factbook_world().objectives(split) for split in SPLITS})


@settings(max_examples=10, deadline=None)
@given(composition=st.sampled_from(COMPOSITIONS), objectives=st.integers(1, 20), seed=st.integers(0, 10**6))
def test_tasks_are_disjoint(composition: Composition, objectives: int, seed: int) -> None:
    tasks = composed(composition, objectives, seed)
    check_disjoint(tasks)
    for split, members in tasks.items():
        countries = {c.name for c in factbook_world().countries if c.split == split}
        assert all(task.split == split for task in members)
        assert {o.metadata["entity"] for task in members for o in task.objectives} <= countries


def test_the_check_can_fail() -> None:
    train, test = (factbook_world().objectives(split) for split in ("train", "test"))
    with pytest.raises(DataError, match="'train' and 'test' share the entity"):
        check_disjoint({"train": [*train, test[0].model_copy(update={"id": "new", "question": "New?"})], "test": test})


def test_lessons_say_nothing_about_held_out_countries() -> None:
    """A shared value may make a two-hop question read the same ("the country whose aircraft prefix is ..."); its answer
    is then about another country."""
    splits: tuple[Split, ...] = ("dev", "test")
    held_out = [o for split in splits for o in factbook_world().objectives(split)]
    entities = {o.metadata["entity"].casefold() for o in held_out}
    said = {(o.question.casefold(), o.answers[0].casefold()) for o in held_out}
    for seed in range(5):
        for objective in synthetic_world(seed, factbook_world()).objectives("train"):
            assert objective.metadata["entity"].casefold() not in entities
            assert (objective.question.casefold(), objective.answers[0].casefold()) not in said


@pytest.mark.parametrize("composition", COMPOSITIONS)
def test_the_same_seed_gives_the_same_tasks(composition: Composition) -> None:
    assert composed(composition, 4, 1) == composed(composition, 4, 1)
    assert composed(composition, 4, 1) != composed(composition, 4, 2)
