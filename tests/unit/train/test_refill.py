"""Which tasks are drawn in place of those whose groups teach nothing."""

from __future__ import annotations

from typing import Any

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.train.config import TrainConfig
from mem1.train.refill import Refilling
from mem1.types import Episode, EpisodeError, EpisodeGroup, StopReason
from tests.e2e.toy import PROMPTS, toy_episode, toy_task

POOL = [toy_task(index) for index in range(6)]


def refilling(**keys: Any) -> Refilling:
    return Refilling(TrainConfig.model_validate({"tasks_per_step": 3, "refill": 2, **keys}), POOL)


def group(task: int, *rewards: float) -> EpisodeGroup:
    episodes = [
        toy_episode(f"{task}-{index}", PROMPTS[0], [([7], [-1.0])], reward, task=task)
        for index, reward in enumerate(rewards)
    ]
    return EpisodeGroup(id=str(task), episodes=tuple(episodes))


def failed(episode: Episode) -> Episode:
    error = EpisodeError(type="BackendError", message="down")
    return episode.model_copy(update={"reward": None, "score": None, "stop": StopReason.ERROR, "error": error})


def test_as_many_are_drawn_as_are_missing_and_none_twice() -> None:
    groups = [group(0, 1.0, 0.0), group(1, 1.0, 1.0), group(2, 0.0, 0.0)]
    drawn = refilling().tasks(groups, step=4, attempt=1)
    assert len({task.id for task in drawn}) == 2
    assert {task.id for task in drawn} <= {"t3", "t4", "t5"}
    groups += [group(3, 1.0, 0.0), group(4, 0.0, 1.0)]
    assert refilling().tasks(groups, step=4, attempt=2) == []


def test_the_choice_can_be_repeated_and_changes_with_the_attempt() -> None:
    groups = [group(0, 1.0, 1.0), group(1, 1.0, 1.0), group(2, 0.0, 0.0)]
    choices = [[t.id for t in refilling().tasks(groups, step, 1)] for step in (1, 1, 2, 3, 4)]
    assert choices[0] == choices[1]
    assert len({tuple(choice) for choice in choices}) > 1


def test_a_pool_that_is_used_up_gives_what_it_has() -> None:
    groups = [group(index, 1.0, 1.0) for index in range(5)]
    assert [task.id for task in refilling().tasks(groups, 0, 1)] == ["t5"]
    assert refilling().tasks([*groups, group(5, 0.0, 0.0)], 0, 2) == []


def test_an_engine_that_is_gone_is_not_asked_for_more() -> None:
    broken = [
        one.model_copy(update={"episodes": tuple(map(failed, one.episodes))})
        for one in (group(index, 1.0, 0.0) for index in range(3))
    ]
    assert refilling().tasks(broken, 0, 1) == []


def test_what_learns_from_equal_rewards_needs_no_refilling() -> None:
    with pytest.raises(ConfigError, match="refill replaces groups with equal rewards"):
        build(TrainConfig, {"refill": 1, "algorithm": {"type": "ppo"}}, where="train")
