"""Advantages, worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mem1.train.advantages.gae import chained_gae, gae, rewards_at
from mem1.train.advantages.groups import group_baseline, has_signal
from mem1.train.advantages.grpo import grpo
from mem1.train.advantages.kl import kl
from mem1.train.advantages.reinforce_pp import reinforce_pp
from mem1.train.advantages.rloo import rloo

rewards_lists = st.lists(st.floats(-10, 10), min_size=2, max_size=8)


def test_group_baseline() -> None:
    assert group_baseline([1, 0, 0, 1]) == [0.5, -0.5, -0.5, 0.5]
    assert group_baseline([3]) == [0.0]
    assert group_baseline([]) == []


def test_signal_needs_two_different_rewards() -> None:
    assert has_signal([0, 1])
    assert not has_signal([1, 1, 1])
    assert not has_signal([1])
    assert not has_signal([])


def test_grpo_without_and_with_deviation() -> None:
    assert grpo([1, 0, 0, 1], scale_by_std=False) == [0.5, -0.5, -0.5, 0.5]
    # squares sum to 1, over n - 1 = 3: deviation sqrt(1/3), 0.5 / 0.57735 = 0.866
    assert grpo([1, 0, 0, 1], scale_by_std=True) == pytest.approx([0.8660, -0.8660, -0.8660, 0.8660], abs=1e-4)
    assert grpo([2, 2], scale_by_std=True) == [0.0, 0.0]
    assert grpo([2], scale_by_std=True) == [0.0]


def test_rloo_leaves_one_out() -> None:
    # the others' means are 1/3, 2/3, 2/3, 1/3
    assert rloo([1, 0, 0, 1]) == pytest.approx([2 / 3, -2 / 3, -2 / 3, 2 / 3])
    assert rloo([1, 0, 5]) == pytest.approx([-1.5, -3.0, 4.5])
    assert rloo([4]) == [0.0]


def test_reinforce_pp_normalises_over_all_episodes() -> None:
    # values 1 0 0 0 | 3 1 less means .25 and 2: .75 -.25 -.25 -.25 | 1 -1; mean 0, squares sum to 2.75 over 6
    deviation = math.sqrt(2.75 / 6)
    found = reinforce_pp([[1, 0, 0, 0], [3, 1]], subtract_group_mean=True)
    assert found[0] == pytest.approx([0.75 / deviation, *[-0.25 / deviation] * 3], rel=1e-4)
    assert found[1] == pytest.approx([1 / deviation, -1 / deviation], rel=1e-4)
    # without: mean 1, squares 4 * .. : 0 -1 | 2 -1 -> mean of (1,0,3,0) is 1, squares 0 1 4 1 -> 6/4
    plain = reinforce_pp([[1, 0], [3, 0]], subtract_group_mean=False)
    assert plain[0] == pytest.approx([0.0, -1 / math.sqrt(1.5)], rel=1e-4)
    assert plain[1] == pytest.approx([2 / math.sqrt(1.5), -1 / math.sqrt(1.5)], rel=1e-4)


def test_reinforce_pp_gives_groups_of_failures_a_gradient_only_without_the_group_mean() -> None:
    assert reinforce_pp([[0, 0], [1, 1]], subtract_group_mean=True) == [[0, 0], [0, 0]]
    assert reinforce_pp([[0, 0], [1, 1]], subtract_group_mean=False)[0][0] == pytest.approx(-1, rel=1e-4)
    assert reinforce_pp([], subtract_group_mean=True) == []


@given(rewards_lists, st.floats(-5, 5))
def test_baselines_sum_to_zero_and_ignore_a_shift(rewards: list[float], shift: float) -> None:
    for advantages in (group_baseline(rewards), grpo(rewards, scale_by_std=False), rloo(rewards)):
        assert sum(advantages) == pytest.approx(0, abs=1e-6)
    assert rloo([r + shift for r in rewards]) == pytest.approx(rloo(rewards), abs=1e-6)


def test_gae_by_hand() -> None:
    # gamma = lam = 1: advantage = rewards to go - value
    assert gae([0, 0, 1], [0.5, 0.25, 0.75], gamma=1, lam=1) == pytest.approx([0.5, 0.75, 0.25])
    # lam = 0: one-step errors -.25, .5, .25
    assert gae([0, 0, 1], [0.5, 0.25, 0.75], gamma=1, lam=0) == pytest.approx([-0.25, 0.5, 0.25])
    # gamma = lam = 1/2: deltas .125-.5=-.375, .375-.25=.125, .25; then .125+.0625=.1875, -.375+.046875
    assert gae([0, 0, 1], [0.5, 0.25, 0.75], gamma=0.5, lam=0.5) == pytest.approx([-0.328125, 0.1875, 0.25])


def test_chains_do_not_touch_each_other() -> None:
    ends = torch.tensor([2, 5])
    rewards = rewards_at(ends, torch.tensor([1.0, 2.0]), 5)
    assert rewards.tolist() == [0, 1, 0, 0, 2]
    values = torch.tensor([0.5, 0.5, 1.0, 1.0, 1.0])
    assert chained_gae(rewards, values, ends, gamma=1, lam=1).tolist() == [0.5, 0.5, 1, 1, 1]


def test_chain_and_segments_differ_where_the_field_goes_wrong() -> None:
    """One episode of two contexts with 2 and 1 tokens, reward 1: only the chain hands it to both exactly once."""
    values = torch.zeros(3)
    chain = chained_gae(
        rewards_at(torch.tensor([3]), torch.tensor([1.0]), 3), values, torch.tensor([3]), gamma=1, lam=1
    )
    last = chained_gae(
        rewards_at(torch.tensor([3]), torch.tensor([1.0]), 3), values, torch.tensor([2, 3]), gamma=1, lam=1
    )
    assert chain.tolist() == [1, 1, 1]
    assert last.tolist() == [0, 0, 1]


def test_kl_estimators() -> None:
    logprobs, reference = torch.tensor([math.log(0.5)]), torch.tensor([math.log(0.25)])
    assert kl("k1", logprobs, reference).item() == pytest.approx(math.log(2))
    assert kl("k2", logprobs, reference).item() == pytest.approx(math.log(2) ** 2 / 2)
    assert kl("k3", logprobs, reference).item() == pytest.approx(0.5 - 1 + math.log(2))


def test_k1_and_k3_agree_in_expectation() -> None:
    policy, reference = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.2, 0.6])
    exact = float((policy * (policy / reference).log()).sum())
    for name in ("k1", "k3"):
        assert float((policy * kl(name, policy.log(), reference.log())).sum()) == pytest.approx(exact, rel=1e-5)
