"""One optimizer step over rows is the step of the whole minibatch."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from mem1.errors import InexactError
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.ledger import Ledger
from mem1.train.advantages.ppo import Ppo
from mem1.train.config import KlConfig, OptimizerConfig, RowsConfig, TrainConfig
from mem1.train.policy.critic import make_critic
from mem1.train.policy.optimizer import make_optimizer
from mem1.train.policy.policy import Policy
from mem1.train.prepare import Minibatch, prepare
from mem1.train.selection import Selection, select
from mem1.train.update import StepStats, update
from mem1.types import EpisodeGroup
from tests.e2e.toy import ToyRollout, tiny_policy


def rollout(policy: Policy) -> list[EpisodeGroup]:
    return ToyRollout(policy, groups=2, size=3, turns=3)(0)


def selected(policy: Policy) -> Selection:
    return select(rollout(policy), compare_in_groups=False)


def config_of(**changes: Any) -> TrainConfig:
    return TrainConfig.model_validate(
        {
            "algorithm": Grpo(scale_by_std=False),
            "optimizer": OptimizerConfig(lr=0.1, max_grad_norm=1e9),
            "max_rollout_gap": None,  # most tests here update more than once on one rollout, or shift its numbers
            **changes,
        }
    )


def prepared(
    policy: Policy, config: TrainConfig, critic: Policy | None = None, reference: Policy | None = None
) -> list[Minibatch]:
    return prepare(
        selected(policy),
        config,
        ledger=Ledger(config, None),
        view="packed",
        policy=policy,
        critic=critic,
        reference=reference,
        rng=random.Random(0),
    )


def gradient(policy: Policy, config: TrainConfig, minibatch: Minibatch, critic: Policy | None = None) -> torch.Tensor:
    """What the update's gradient is: the change under plain gradient descent with rate 1."""
    before = torch.nn.utils.parameters_to_vector(policy.parameters()).detach().clone()
    update(policy, critic, torch.optim.SGD(policy.parameters(), lr=1.0), minibatch, config)
    return before - torch.nn.utils.parameters_to_vector(policy.parameters()).detach()


def whole_gradient(policy: Policy, minibatch: Minibatch) -> torch.Tensor:
    """The policy gradient written down plainly: one context at a time, no rows, no loss code."""
    loss = torch.zeros(())
    for sample in minibatch.batch.samples:
        logits = policy.model(input_ids=torch.tensor([sample.token_ids])).logits[0].log_softmax(-1)
        places = [i for i, trained in enumerate(sample.trained) if trained]
        for place, flat in zip(places, sample.flat, strict=True):
            weight = minibatch.weights[flat] * minibatch.advantages[flat]
            loss = loss - weight * logits[place - 1, sample.token_ids[place]]
    gradients = torch.autograd.grad(loss, list(policy.model.parameters()))
    return torch.cat([g.flatten() for g in gradients])


@pytest.mark.parametrize("normalisation", ["token", "episode"])
@pytest.mark.parametrize("capacity", [1, 20, 4096])
@pytest.mark.parametrize("share_prefix", [True, False])
def test_gradient_does_not_depend_on_rows(normalisation: str, capacity: int, share_prefix: bool) -> None:
    policy = tiny_policy()
    config = config_of(normalisation=normalisation, rows=RowsConfig(capacity=capacity, share_prefix=share_prefix))
    (minibatch,) = prepared(policy, config)
    expected = whole_gradient(policy, minibatch)
    found = gradient(policy, config, minibatch)
    assert (found - expected).norm() <= 1e-4 * expected.norm()


def test_minibatches_of_one_epoch_start_from_the_same_old_policy() -> None:
    policy = tiny_policy()
    config = config_of(minibatches=2)
    first, second = prepared(policy, config)
    optimizer = make_optimizer(list(policy.parameters()), [], config.optimizer, critic_lr=1.0)
    seen = [update(policy, None, optimizer, part, config) for part in (first, second)]
    assert seen[0].ratio.tolist() == pytest.approx([1.0] * first.batch.size, abs=1e-4)
    assert (seen[1].ratio - 1).abs().max() > 1e-3
    assert second.old_logprobs is not None
    assert torch.equal(seen[1].ratio, torch.exp(seen[1].logprobs - second.old_logprobs))


def test_a_single_update_needs_no_old_log_probabilities() -> None:
    policy = tiny_policy()
    once = config_of()
    twice = config_of(epochs=2)
    (lean,) = prepared(policy, once)
    (full,) = prepared(policy, twice)
    assert lean.old_logprobs is None
    assert full.old_logprobs is not None
    assert torch.allclose(
        gradient(copy.deepcopy(policy), once, lean), gradient(copy.deepcopy(policy), twice, full), atol=1e-6
    )


def test_truncated_weights_scale_the_gradient() -> None:
    policy = tiny_policy()
    config = config_of(tis_cap=2.0)
    (minibatch,) = prepared(policy, config)
    plain = gradient(copy.deepcopy(policy), config, minibatch)
    minibatch.batch.rollout_logprobs.sub_(5.0)  # p_trainer / p_rollout is e^5 everywhere: cut to 2
    assert torch.allclose(gradient(copy.deepcopy(policy), config, minibatch), 2 * plain, atol=1e-5)
    off = config_of(tis_cap=None)
    assert torch.allclose(gradient(copy.deepcopy(policy), off, minibatch), plain, atol=1e-5)


def test_kl_in_the_loss_pulls_towards_the_reference_and_is_zero_at_it() -> None:
    policy, other = tiny_policy(), tiny_policy(seed=1)
    config = config_of(kl=KlConfig(coef=10.0))
    (at_home,) = prepared(policy, config, reference=copy.deepcopy(policy))
    (away,) = prepared(policy, config, reference=other)
    plain = gradient(copy.deepcopy(policy), config_of(), at_home)
    assert torch.allclose(gradient(copy.deepcopy(policy), config, at_home), plain, atol=1e-5)
    assert not torch.allclose(gradient(copy.deepcopy(policy), config, away), plain, atol=1e-3)


def test_kl_in_the_reward_changes_the_advantages() -> None:
    policy, other = tiny_policy(), tiny_policy(seed=1)
    config = config_of(kl=KlConfig(coef=0.5, where="reward"))
    (plain,) = prepared(policy, config_of())
    (costly,) = prepared(policy, config, reference=other)
    assert costly.old_logprobs is not None
    assert costly.reference_logprobs is not None
    ids = [e.id for e in costly.batch.episodes]
    assert ids == [e.id for e in plain.batch.episodes]
    rewards = torch.tensor([e.reward for e in costly.batch.episodes])
    cost = torch.zeros(6).index_add_(0, costly.batch.episode_of, costly.old_logprobs - costly.reference_logprobs)
    groups = [e.group_id for e in costly.batch.episodes]
    net = rewards - 0.5 * cost
    for index, name in enumerate(groups):
        mates = torch.tensor([g == name for g in groups])
        token = int(costly.batch.starts[index])
        assert costly.advantages[token].item() == pytest.approx((net[index] - net[mates].mean()).item(), abs=1e-5)


@pytest.mark.parametrize("kind", ["shared", "separate"])
def test_a_critic_learns_the_returns(kind: Any) -> None:
    policy = tiny_policy()
    config = config_of(algorithm=Ppo(critic=kind, critic_lr=0.05, value_clip=None, whiten=False))
    critic = make_critic(policy, kind)
    assert (critic is policy) == (kind == "shared")
    (minibatch,) = prepared(policy, config, critic=critic)
    assert minibatch.old_values is not None
    assert minibatch.old_values.tolist() == [0.0] * minibatch.batch.size
    optimizer = make_optimizer(
        list(policy.model.parameters()) if kind == "separate" else [],
        list(critic.parameters()),
        OptimizerConfig(lr=1e-5),
        critic_lr=0.05,
    )
    minibatch = replace(minibatch, advantages=torch.zeros(minibatch.batch.size))  # the critic alone
    losses: list[StepStats] = [update(policy, critic, optimizer, minibatch, config) for _ in range(30)]
    rewards = torch.tensor([e.reward for e in minibatch.batch.episodes])[minibatch.batch.episode_of]
    # at the start every value is 0: half the coefficient times the mean squared reward
    assert losses[0].value_loss == pytest.approx(0.25 * rewards.square().mean().item(), rel=1e-4)
    assert losses[-1].value_loss is not None
    assert losses[0].value_loss is not None
    assert losses[-1].value_loss < 0.5 * losses[0].value_loss


@pytest.mark.parametrize("minibatches", [1, 2])  # without and with log-probabilities from before the updates
def test_an_engine_that_samples_by_other_numbers_stops_the_update(minibatches: int) -> None:
    policy = tiny_policy()
    config = config_of(max_rollout_gap=0.1, minibatches=minibatches)
    whole = prepared(policy, config)
    before = torch.nn.utils.parameters_to_vector(policy.parameters()).detach().clone()
    optimizer = torch.optim.SGD(policy.parameters(), lr=1.0)
    shifted = replace(whole[0].batch, rollout_logprobs=whole[0].batch.rollout_logprobs - 0.2)
    with pytest.raises(InexactError, match=r"0\.2 nats .* largest 0\.2\), more than 0\.1") as raised:
        update(policy, None, optimizer, replace(whole[0], batch=shifted), config)
    assert raised.value.where == "train.max_rollout_gap"
    assert torch.equal(before, torch.nn.utils.parameters_to_vector(policy.parameters()))
    unknown = replace(whole[0].batch, rollout_logprobs=whole[0].batch.rollout_logprobs * torch.nan)
    with pytest.raises(InexactError, match="nan nats"):
        update(policy, None, optimizer, replace(whole[0], batch=unknown), config)
    update(policy, None, optimizer, replace(whole[0], batch=shifted), config_of(minibatches=minibatches))
    assert not torch.equal(before, torch.nn.utils.parameters_to_vector(policy.parameters()))
