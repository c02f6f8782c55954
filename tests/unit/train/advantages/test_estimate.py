"""Advantages on the flat layout: every token of an episode, whatever context it was written in."""

from __future__ import annotations

import pytest
import torch

from mem1.train.advantages.estimate import Advantages, broadcast, chains, critic_advantages, episode_advantages, whiten
from mem1.train.advantages.grpo import Grpo
from mem1.train.advantages.ppo import Ppo
from mem1.train.advantages.reinforce_pp import ReinforcePP
from mem1.train.advantages.rloo import Rloo
from mem1.train.rows.batch import Batch, make_batch
from tests.e2e.toy import PROMPTS, toy_episode


def two_episodes() -> Batch:
    """Flat layout: episode a wrote 2 + 1 tokens in two contexts (reward 1), episode b wrote 2 in one (reward 0)."""
    a = toy_episode("a", PROMPTS[0], [([7, 6], [-1.0, -1.0]), ([7], [-1.0])], 1.0)
    b = toy_episode("b", PROMPTS[0], [([4, 4], [-1.0, -1.0])], 0.0)
    return make_batch([a, b], capacity=100)


def test_an_episodes_advantage_goes_to_all_its_tokens() -> None:
    batch = two_episodes()
    advantages = episode_advantages([batch.episodes], Grpo(scale_by_std=False), {})
    assert advantages == {"a": 0.5, "b": -0.5}
    assert broadcast(batch, advantages).advantages.tolist() == [0.5, 0.5, 0.5, -0.5, -0.5]


def test_turns_do_not_vote() -> None:
    """RLOO over rows would see rewards 1 1 0; over episodes it sees 1 0."""
    assert episode_advantages([two_episodes().episodes], Rloo(), {}) == {"a": 1.0, "b": -1.0}


def test_a_kl_cost_is_taken_from_the_reward_before_the_baseline() -> None:
    found = episode_advantages([two_episodes().episodes], Grpo(scale_by_std=False), {"a": 0.5})
    assert found == {"a": 0.25, "b": -0.25}
    normal = episode_advantages([two_episodes().episodes], ReinforcePP(), {"a": 0.5})
    assert normal["a"] == pytest.approx(1.0, rel=1e-4)


def test_chains_by_hand() -> None:
    batch = two_episodes()
    for algorithm, ends, rewards in (
        (Ppo(), [3, 5], [1, 0]),
        (Ppo(chain="per_segment"), [2, 3, 5], [1, 1, 0]),
        (Ppo(chain="per_segment", segment_reward="last"), [2, 3, 5], [0, 1, 0]),
    ):
        found = chains(batch, algorithm)
        assert (found[0].tolist(), found[1].tolist()) == (ends, rewards)


def test_gae_runs_across_the_context_border() -> None:
    batch = two_episodes()
    values = torch.tensor([0.5, 0.25, 0.75, 0.1, 0.2])
    chain = critic_advantages(batch, values, None, Ppo(gamma=1, lam=0))
    # the second token's successor is the third, in another context: .75 - .25 = .5
    assert chain.advantages.tolist() == pytest.approx([-0.25, 0.5, 0.25, 0.1, -0.2])
    assert chain.returns is not None
    assert chain.returns.tolist() == pytest.approx([0.25, 0.75, 1.0, 0.2, 0.0])
    rows = critic_advantages(batch, values, None, Ppo(chain="per_segment", gamma=1, lam=0))
    assert rows.advantages.tolist() == pytest.approx([-0.25, 0.75, 0.25, 0.1, -0.2])


def test_token_costs_are_charged_where_they_arise() -> None:
    batch = two_episodes()
    found = critic_advantages(batch, torch.zeros(5), torch.tensor([0.0, 0.25, 0.0, 0.0, 0.5]), Ppo())
    assert found.advantages.tolist() == pytest.approx([0.75, 0.75, 1.0, -0.5, -0.5])


def test_whitening_is_over_all_parts_together() -> None:
    returns = torch.zeros(1)
    found = whiten([Advantages(torch.tensor([1.0]), returns), Advantages(torch.tensor([3.0]))])
    assert [c.advantages.item() for c in found] == pytest.approx([-1.0, 1.0])
    assert found[0].returns is returns
