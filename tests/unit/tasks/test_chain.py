"""Chains hold together, do not repeat while they can help it, and get out of dead ends."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.errors import DataError
from mem1.tasks.chain import ChainSource, walk
from mem1.tasks.compose import compose
from mem1.types import Composition
from tests.unit.tasks.toys import Ring, Toy, Trap


def test_each_question_needs_the_answer_before_it() -> None:
    tasks = compose(
        [Ring(50)], composition=Composition.CHAINED, objectives=8, count=5, seed=3, split="test", order="shuffled"
    )
    assert len({task.id for task in tasks}) == 5
    for task in tasks:
        assert "previous" not in task.objectives[0].question
        for before, after in pairwise(task.objectives):
            step = (int(after.answers[0]) - int(before.answers[0])) % 50
            assert after.question == f"What is {step} after the previous answer?"
            assert after.standalone == f"What is {step} after {before.answers[0]}?"


@settings(max_examples=30, deadline=None)
@given(size=st.integers(3, 12), objectives=st.integers(1, 60), seed=st.text(max_size=3))
def test_chains_of_any_length(size: int, objectives: int, seed: str) -> None:
    chain = walk(Ring(size), objectives=objectives, split="train", seed=seed)
    assert len(chain) == objectives
    assert all(left.id != right.id for left, right in pairwise(chain))
    assert chain == walk(Ring(size), objectives=objectives, split="train", seed=seed)


@pytest.mark.parametrize("seed", [str(number) for number in range(10)])
def test_dead_ends_are_left_again(seed: str) -> None:
    chain = walk(Trap(20), objectives=20, split="train", seed=seed)
    assert [o.answers[0] for o in chain[:-1]] == [str(number) for number in range(19)]


def test_a_chain_that_cannot_be_that_long() -> None:
    with pytest.raises(DataError, match="linked 5 objectives of split 'train', not 6"):
        walk(Trap(5), objectives=6, split="train", seed="0")


def test_protocol() -> None:
    assert isinstance(Ring(3), ChainSource)
    assert not isinstance(Toy(3), ChainSource)
