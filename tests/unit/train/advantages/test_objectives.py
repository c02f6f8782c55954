"""Credit per objective, by hand."""

from __future__ import annotations

import pytest
import torch

from mem1.config import build
from mem1.errors import ConfigError
from mem1.train.advantages.estimate import (
    broadcast_objectives,
    critic_advantages,
    objective_costs,
    objective_ends,
)
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.objectives import differs, earned, objective_advantages, to_go
from mem1.train.advantages.ppo import Ppo
from mem1.train.advantages.rloo import Rloo
from mem1.train.config import TrainConfig
from mem1.train.rows.batch import Batch, make_batch
from mem1.train.selection import select
from mem1.types import Episode, EpisodeGroup, Score
from tests.e2e.toy import PROMPTS, toy_episode

ONE = ([7], [-1.0])
TWO = ([7, 6], [-1.0, -1.0])


def played(name: str, rewards: tuple[float, ...], *worked_on: int) -> Episode:
    """An episode with one turn of one token for each of ``worked_on``, which are the objectives."""
    made = toy_episode(name, PROMPTS[0], [ONE for _ in worked_on], sum(rewards))
    objective = made.task.objectives[0]
    objectives = tuple(objective.model_copy(update={"id": str(i)}) for i in range(len(rewards)))
    return made.model_copy(
        update={
            "task": made.task.model_copy(update={"objectives": objectives}),
            "answers": ("x",) * len(rewards),
            "score": Score(metrics={"em": rewards}, answered=(True,) * len(rewards), scorer="test"),
            "turns": tuple(
                turn.model_copy(update={"objective": k}) for turn, k in zip(made.turns, worked_on, strict=True)
            ),
        }
    )


A = played("a", (1.0, 0.0, 1.0), 0, 0, 1, 2)
B = played("b", (0.0, 1.0, 1.0), 0, 1, 2)


def batch() -> Batch:
    return make_batch([A, B], capacity=100)


def test_rewards_to_go_by_hand() -> None:
    assert to_go([1, 0, 1]) == [2, 1, 1]
    assert to_go([]) == []


def test_each_objective_is_compared_with_itself() -> None:
    """To go: a 2 1 1, b 2 2 1. Only the second objective differs; credit per episode would see nothing."""
    assert objective_advantages([[A, B]], Rloo(), {}) == {"a": [0.0, -1.0, 0.0], "b": [0.0, 1.0, 0.0]}
    assert objective_advantages([[A, B]], Grpo(scale_by_std=False), {}) == {"a": [0, -0.5, 0], "b": [0, 0.5, 0]}


def test_a_token_gets_the_advantage_of_what_its_turn_worked_on() -> None:
    found = broadcast_objectives(batch(), {"a": [0.0, -1.0, 0.5], "b": [2.0, 1.0, 0.0]})
    assert found.advantages.tolist() == [0.0, 0.0, -1.0, 0.5, 2.0, 1.0, 0.0]


def test_costs_are_taken_from_what_is_still_to_come() -> None:
    """b pays 0.5 at its second objective: to go 1.5 1.5 1 there."""
    costs = torch.tensor([0, 0, 0, 0, 0, 0.5, 0])
    spent = objective_costs(batch(), costs)
    assert spent == {"a": [0, 0, 0], "b": [0, 0.5, 0]}
    assert objective_advantages([[A, B]], Rloo(), spent)["b"] == [-0.5, 0.5, 0.0]


def test_rewards_of_ppo_stand_at_the_tokens_that_earned_them() -> None:
    """a wrote tokens 0 1 | 2 | 3, b 4 | 5 | 6. With gamma = lambda = 1, values 0: advantages are rewards to go."""
    ends, rewards = objective_ends(batch())
    assert (ends.tolist(), rewards.tolist()) == ([2, 3, 4, 5, 6, 7], [1, 0, 1, 0, 1, 1])
    found = critic_advantages(batch(), torch.zeros(7), None, Ppo(), by_objective=True)
    assert found.advantages.tolist() == [2, 2, 1, 1, 2, 2, 1]
    whole = critic_advantages(batch(), torch.zeros(7), None, Ppo())
    assert whole.advantages.tolist() == [2, 2, 2, 2, 2, 2, 2]


def test_what_an_objective_without_tokens_earned_is_due_with_the_one_before() -> None:
    skipped = played("s", (0.0, 1.0, 0.0), 0, 2)
    ends, rewards = objective_ends(make_batch([skipped], capacity=100))
    assert (ends.tolist(), rewards.tolist()) == ([1, 1, 2], [0, 1, 0])


def test_a_group_with_equal_sums_still_teaches_something() -> None:
    group = EpisodeGroup(id="g", episodes=(A, B))
    assert differs([A, B])
    assert not differs([A, A.model_copy(update={"id": "c"})])
    assert select([group], compare_in_groups=True).groups == ()
    kept = select([group], compare_in_groups=True, by_objective=True)
    assert kept.groups == ((A, B),)
    assert kept.signal


def test_the_reward_may_be_the_sum_of_two_metrics_and_must_be_a_sum() -> None:
    both = Score(metrics={"em": (1.0, 0.0), "f1": (1.0, 0.5)}, answered=(True, True), scorer="test")
    one = played("x", (1.0, 0.0), 0, 1).model_copy(update={"score": both, "reward": 2.5})
    assert earned(one) == [2.0, 0.5]
    with pytest.raises(ConfigError, match="is not a sum over its objectives"):
        earned(one.model_copy(update={"reward": 0.3}))


def test_rows_cannot_tell_which_objective_earned_what() -> None:
    algorithm = {"type": "ppo", "chain": "per_segment"}
    with pytest.raises(ConfigError, match="needs the token_chain"):
        build(TrainConfig, {"credit": "objective", "algorithm": algorithm}, where="train")
