"""The local back end does from neutral rows what the trainer does from episodes."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest
import torch

from mem1.train.advantages.by_turn import episode_advantages
from mem1.train.advantages.grpo import Grpo
from mem1.train.backends.base import TrainerBackend
from mem1.train.backends.local import LocalBackend
from mem1.train.config import OptimizerConfig, TrainConfig
from mem1.train.policy.optimizer import make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.prepare import prepare
from mem1.train.rows.batch import View
from mem1.train.rows.row import Row, make_rows
from mem1.train.selection import select
from tests.e2e.toy import ToyRollout, tiny_policy

CONFIG = TrainConfig(
    algorithm=Grpo(scale_by_std=False),
    normalisation="episode",
    optimizer=OptimizerConfig(lr=0.05),
    max_rollout_gap=None,
)


def backend(policy: Policy, view: View = "packed") -> LocalBackend:
    optimizer = make_optimizer(list(policy.model.parameters()), [], CONFIG.optimizer, critic_lr=0.0)
    return LocalBackend(policy, None, optimizer, CONFIG, view=view)


def weights(policy: Policy) -> torch.Tensor:
    return torch.nn.utils.parameters_to_vector(policy.parameters()).detach().clone()


def rolled(policy: Policy) -> tuple[list[Row], object]:
    selection = select(ToyRollout(policy, groups=2, size=3, turns=3)(0), compare_in_groups=False)
    advantages = episode_advantages(selection.groups, CONFIG.algorithm)
    episodes = [episode for group in selection.trainable for episode in group]
    return make_rows(episodes, advantages, normalisation="episode"), selection


@pytest.mark.parametrize("view", ["packed", "reference"])
def test_a_step_on_rows_is_the_trainers_step(view: View) -> None:
    policy = tiny_policy()
    rows, selection = rolled(policy)
    other = Policy(copy.deepcopy(policy.model))
    before = weights(policy)
    (minibatch,) = prepare(
        selection,  # type: ignore[arg-type]
        CONFIG,
        view=view,
        policy=policy,
        critic=None,
        reference=None,
        rng=random.Random(0),
    )
    trainers = backend(policy, view).update(minibatch)
    noted = backend(other, view).step(rows)
    assert noted["loss"] == pytest.approx(trainers.loss, abs=1e-6)
    assert noted["grad_norm"] == pytest.approx(trainers.grad_norm, rel=1e-5)
    assert (weights(policy) - before).abs().max() > 1e-3
    torch.testing.assert_close(weights(other), weights(policy), rtol=1e-4, atol=1e-5)


def test_logprobs_are_those_of_sampling() -> None:
    policy = tiny_policy()
    rows, _ = rolled(policy)
    for row, found in zip(rows, backend(policy).logprobs(rows), strict=True):
        expected = [value for value, on in zip(row.rollout_logprobs, row.trained, strict=True) if on]
        assert found == pytest.approx(expected, abs=1e-4)


def test_what_was_saved_goes_on_as_if_undisturbed(tmp_path: Path) -> None:
    policy = tiny_policy()
    rows, _ = rolled(policy)
    one = backend(policy)
    one.step(rows)
    one.save(tmp_path / "state")
    one.step(rows)
    other = backend(tiny_policy())
    other.load(tmp_path / "state")
    other.step(rows)
    assert torch.equal(weights(other.policy), weights(policy))
    assert isinstance(other, TrainerBackend)
