"""Parts of a reward: what they are, which turn earned them, and what a turn is credited with."""

from __future__ import annotations

import math

import pytest

from mem1.errors import ConfigError
from mem1.train.advantages.earnings import Earning, by_objective, settled_at, to_go, together, whole
from mem1.types import Composition, Episode, Objective, Score, Task
from tests.unit.train.episodes import episode, turn


def sequential(worked: list[int], rewards: list[float | None], *, reveal: str = "one_by_one") -> Episode:
    """An episode whose turn ``i`` worked on objective ``worked[i]``; the reward is the sum."""
    objectives = tuple(Objective(id=f"o{i}", question="?", answers=("a",), source="hand") for i in range(len(rewards)))
    task = Task.model_validate(
        {
            "id": "t",
            "composition": Composition.SEQUENTIAL,
            "reveal": reveal,
            "split": "train",
            "objectives": objectives,
        }
    )
    turns = [
        turn(index, (1, 2), (3, 4), prefix=1).model_copy(update={"objective": objective})
        for index, objective in enumerate(worked)
    ]
    score = Score.model_construct(metrics={"em": tuple(rewards)}, answered=(True,) * len(rewards), scorer="hand")
    return episode("e", turns).model_copy(
        update={"task": task, "score": score, "reward": sum(value or 0.0 for value in rewards)}
    )


def of(score: Score) -> tuple[float | None, ...]:
    return score.metrics["em"]


def test_an_objective_is_settled_by_the_last_turn_that_worked_on_it() -> None:
    assert settled_at(sequential([0, 0, 1, 2, 2, 2], [1, 0, 1])) == [1, 2, 5]


def test_an_objective_that_was_never_reached_is_settled_when_the_episode_ends() -> None:
    assert settled_at(sequential([0, 1, 1], [1, 0, 0, 0])) == [0, 2, 2, 2]


def test_what_is_asked_at_once_is_settled_at_once() -> None:
    assert settled_at(sequential([0, 0, 0], [1, 0], reveal="upfront")) == [2, 2]


def test_an_episode_without_a_turn_has_parts_all_the_same() -> None:
    assert by_objective(sequential([], [0, 0]), of) == (Earning(0, 0), Earning(0, 0))
    assert whole(sequential([], [0, 0])) == (Earning(0, 0),)


def test_parts_and_their_turns() -> None:
    assert by_objective(sequential([0, 1, 1], [1, 0.5]), of) == (Earning(0, 1), Earning(2, 0.5))
    assert whole(sequential([0, 1, 1], [1, 0.5])) == (Earning(2, 1.5),)


@pytest.mark.parametrize("rewards", [[1.0, None], [1.0, math.nan], [math.inf, 1.0]])
def test_a_reward_whose_parts_are_not_known_cannot_be_divided(rewards: list[float | None]) -> None:
    made = sequential([0, 1], rewards).model_copy(update={"reward": 1.0})
    with pytest.raises(ConfigError, match="is not the sum") as caught:
        by_objective(made, of)
    assert caught.value.where == "train.credit"


def test_a_reward_that_is_no_sum_cannot_be_divided() -> None:
    with pytest.raises(ConfigError, match="is not the sum"):
        by_objective(sequential([0, 1], [1, 1]).model_copy(update={"reward": 1.0}), of)


def test_a_turn_is_credited_with_what_was_not_settled_before_it() -> None:
    earned = [Earning(0, 1), Earning(2, 1), Earning(2, 0)]
    assert to_go([1.0, -0.5, 0.25], earned, 4) == [0.75, -0.25, -0.25, 0.0]


def test_what_an_episode_has_not_got_it_earned_nothing_by() -> None:
    short, long = (Earning(1, 2.0),), (Earning(0, 1.0), Earning(0, -3.0), Earning(4, -1.0))
    assert together([short, long]) == [(Earning(1, 2.0), Earning(0, 0.0), Earning(4, 0.0)), long]
