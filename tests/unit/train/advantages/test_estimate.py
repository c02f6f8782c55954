"""Advantages on the flat layout: every token of an episode, whatever context it was written in."""

from __future__ import annotations

import math
from itertools import product

import pytest
import torch

from mem1.train.advantages.by_turn import token_advantages, turn_advantages
from mem1.train.advantages.config import Algorithm, Estimate
from mem1.train.advantages.earnings import Earning, Earnings, to_go
from mem1.train.advantages.estimate import Advantages, broadcast, chains, critic_advantages, whiten
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


WHOLE: dict[str, Earnings] = {"a": (Earning(1, 1.0),), "b": (Earning(0, 0.0),)}


def test_an_episodes_advantage_goes_to_all_its_tokens() -> None:
    batch = two_episodes()
    advantages = turn_advantages([batch.episodes], WHOLE, Grpo(scale_by_std=False))
    assert advantages == {"a": [0.5, 0.5], "b": [-0.5]}
    assert broadcast(batch, advantages).advantages.tolist() == [0.5, 0.5, 0.5, -0.5, -0.5]


def test_turns_do_not_vote() -> None:
    """RLOO over rows would see rewards 1 1 0; over episodes it sees 1 0."""
    assert turn_advantages([two_episodes().episodes], WHOLE, Rloo()) == {"a": [1.0, 1.0], "b": [-1.0]}


TWO: dict[str, Earnings] = {
    "a": (Earning(0, 1.0), Earning(1, 0.0)),  # the first objective right in turn 0, the second wrong in turn 1
    "b": (Earning(0, 0.0), Earning(0, 1.0)),  # the other way round, both in turn 0
}


@pytest.mark.parametrize(
    ("algorithm", "first"),
    [
        (Rloo(), 1.0),  # 1 - 0
        (Grpo(scale_by_std=False), 0.5),  # 1 - 1/2
        (Grpo(), 0.5),  # deviations: two parts, each (1/4 + 1/4) / (2 - 1), together 1
        (ReinforcePP(), 0.5 / 0.5**0.5),  # squares an episode: 1/4 + 1/4, their mean 1/2
        (ReinforcePP(subtract_group_mean=False), 0.5 / 0.5**0.5),
    ],
)
def test_equal_sums_of_different_objectives_teach(algorithm: Algorithm, first: float) -> None:
    """Per episode the rewards are 1 and 1 and nothing is learned; per objective turn 1 of episode a lost one."""
    batch = two_episodes()
    found = turn_advantages([batch.episodes], TWO, algorithm)
    assert found["a"] == pytest.approx([0.0, -first], rel=1e-5, abs=1e-6)
    assert found["b"] == pytest.approx([0.0], abs=1e-6)
    assert broadcast(batch, found).advantages.tolist() == pytest.approx([0, 0, -first, 0, 0], rel=1e-5, abs=1e-6)
    each = token_advantages(batch.episodes, found)
    assert [each["a"], each["b"]] == [pytest.approx([0, 0, -first], abs=1e-5), pytest.approx([0, 0], abs=1e-5)]


@pytest.mark.parametrize("algorithm", [Rloo(), Grpo(), Grpo(scale_by_std=False), ReinforcePP()])
def test_one_part_is_credit_per_episode(algorithm: Algorithm) -> None:
    rewards = [[1.0, 0.0, 0.5], [2.0, 2.0, 0.0]]
    single = algorithm.build_parts()([[[reward] for reward in group] for group in rewards])
    for parts, whole in zip(single, algorithm.build()(rewards), strict=True):
        assert [value for (value,) in parts] == pytest.approx(whole)


def test_tasks_of_different_size_are_compared_where_they_can_be() -> None:
    """Batch: one group of two objectives, one of a single one. Centred squares an episode: 1/4 + 1, 1/4 + 1, 1/4, 1/4;
    their mean 3/4."""
    groups = [[[1.0, 2.0], [0.0, 0.0]], [[0.0], [1.0]]]
    found = ReinforcePP().build_parts()(groups)
    scale = 0.75**0.5
    expected = [[[0.5 / scale, 1 / scale], [-0.5 / scale, -1 / scale]], [[-0.5 / scale], [0.5 / scale]]]
    for group, others in zip(found, expected, strict=True):
        for parts, other in zip(group, others, strict=True):
            assert parts == pytest.approx(other, rel=1e-5)


def moments(algorithm: Algorithm, *, each: bool) -> tuple[list[float], list[float]]:
    """Mean and variance of the gradient of a group of two, summed over everything that can happen.

    Two turns, each a coin: turn k settles objective k, right with probability p[k]. The gradient by a turn's logit is
    the sum over the group of the turn's advantage times (right - p).
    """
    p = (0.25, 0.5)
    outcomes = list(product((0, 1), repeat=2))
    mean, square = [0.0, 0.0], [0.0, 0.0]
    for group in product(outcomes, repeat=2):
        chance = math.prod(p[k] if one[k] else 1 - p[k] for one in group for k in range(2))
        if each:
            earned = [[Earning(k, one[k]) for k in range(2)] for one in group]
        else:
            earned = [[Earning(1, sum(one))] for one in group]
        (parts,) = algorithm.build_parts()([[[e.amount for e in mine] for mine in earned]])
        turns = [to_go(advantages, mine, 2) for advantages, mine in zip(parts, earned, strict=True)]
        for k in range(2):
            gradient = sum(turns[member][k] * (group[member][k] - p[k]) for member in range(2))
            mean[k] += chance * gradient
            square[k] += chance * gradient**2
    return mean, [second - first**2 for first, second in zip(mean, square, strict=True)]


@pytest.mark.parametrize(("algorithm", "share"), [(Rloo(), 1.0), (Grpo(scale_by_std=False), 0.5)])
def test_credit_per_objective_has_the_same_expected_gradient_and_less_variance(
    algorithm: Algorithm, share: float
) -> None:
    """The true gradient of two episodes' summed rewards by logit k is 2 p (1 - p): 3/8 and 1/2."""
    per_episode, wide = moments(algorithm, each=False)
    per_objective, narrow = moments(algorithm, each=True)
    assert per_episode == pytest.approx([share * 3 / 8, share * 1 / 2])
    assert per_objective == pytest.approx(per_episode)
    assert narrow[0] == pytest.approx(wide[0])  # turn 0 comes before both objectives are settled: nothing to leave out
    assert narrow[1] < 0.6 * wide[1]


class Centred(Algorithm):
    """An estimator that knows nothing of parts."""

    def build(self) -> Estimate:
        return lambda groups: [[reward - max(group) for reward in group] for group in groups]


def test_an_estimator_of_somebody_elses_is_used_on_each_part() -> None:
    found = turn_advantages([two_episodes().episodes], TWO, Centred(type="x"))
    assert found == {"a": [-1.0, -1.0], "b": [-1.0]}


def test_chains_by_hand() -> None:
    batch = two_episodes()
    for algorithm, ends, rewards in (
        (Ppo(), [3, 5], [0, 0, 1, 0, 0]),
        (Ppo(chain="per_segment"), [2, 3, 5], [0, 1, 1, 0, 0]),
        (Ppo(chain="per_segment", segment_reward="last"), [2, 3, 5], [0, 0, 1, 0, 0]),
    ):
        found = chains(batch, algorithm, WHOLE)
        assert (found[0].tolist(), found[1].tolist()) == (ends, rewards)


def test_a_critic_sees_rewards_at_the_tokens_that_earned_them() -> None:
    batch = two_episodes()
    earned = TWO | {"a": (Earning(0, 1.0), Earning(1, 0.5))}
    assert chains(batch, Ppo(), earned)[1].tolist() == [0, 1, 0.5, 0, 1]
    found = critic_advantages(batch, torch.zeros(5), None, Ppo(), earned)
    assert found.advantages.tolist() == [1.5, 1.5, 0.5, 1.0, 1.0]  # what was earned before a token is not its doing


def test_what_was_earned_in_a_turn_without_tokens_stands_at_the_token_before() -> None:
    batch = make_batch(
        [toy_episode("a", PROMPTS[0], [([], []), ([7, 6], [-1.0, -1.0]), ([], []), ([7], [-1.0])], 1.0)], capacity=100
    )
    earned = {"a": tuple(Earning(turn, 10.0**turn) for turn in range(4))}
    assert chains(batch, Ppo(), earned)[1].tolist() == [1, 110, 1000]  # before turn 0 there is none: the first one


def test_gae_runs_across_the_context_border() -> None:
    batch = two_episodes()
    values = torch.tensor([0.5, 0.25, 0.75, 0.1, 0.2])
    chain = critic_advantages(batch, values, None, Ppo(gamma=1, lam=0), WHOLE)
    # the second token's successor is the third, in another context: .75 - .25 = .5
    assert chain.advantages.tolist() == pytest.approx([-0.25, 0.5, 0.25, 0.1, -0.2])
    assert chain.returns is not None
    assert chain.returns.tolist() == pytest.approx([0.25, 0.75, 1.0, 0.2, 0.0])
    rows = critic_advantages(batch, values, None, Ppo(chain="per_segment", gamma=1, lam=0), WHOLE)
    assert rows.advantages.tolist() == pytest.approx([-0.25, 0.75, 0.25, 0.1, -0.2])


def test_token_costs_are_charged_where_they_arise() -> None:
    batch = two_episodes()
    found = critic_advantages(batch, torch.zeros(5), torch.tensor([0.0, 0.25, 0.0, 0.0, 0.5]), Ppo(), WHOLE)
    assert found.advantages.tolist() == pytest.approx([0.75, 0.75, 1.0, -0.5, -0.5])


def test_whitening_is_over_all_parts_together() -> None:
    returns = torch.zeros(1)
    found = whiten([Advantages(torch.tensor([1.0]), returns), Advantages(torch.tensor([3.0]))])
    assert [c.advantages.item() for c in found] == pytest.approx([-1.0, 1.0])
    assert found[0].returns is returns
