"""From episode rewards to one advantage for each sampled token, whatever the algorithm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mem1.errors import ConfigError
from mem1.train.advantages.config import Algorithm, Groups
from mem1.train.advantages.gae import chained_gae, rewards_at
from mem1.train.advantages.ppo import Ppo
from mem1.train.rows.batch import Batch
from mem1.types import Episode


@dataclass(frozen=True, slots=True)
class Advantages:
    """``advantages``: float32 [N]; ``returns``: float32 [N], the critic's targets, with PPO only."""

    advantages: Tensor
    returns: Tensor | None = None


def episode_advantages(
    groups: Sequence[Sequence[Episode]], algorithm: Algorithm, penalties: dict[str, float]
) -> dict[str, float]:
    """One advantage for each episode, by id.

    Args:
        groups: Scored episodes.
        algorithm: What to compare an episode with.
        penalties: What to take from an episode's reward before anything else (its KL cost), by id; absent is 0.
    """
    rewards = [[_reward(episode) - penalties.get(episode.id, 0.0) for episode in group] for group in groups]
    found = algorithm.build()(rewards)
    _check(found, rewards, algorithm)
    return {
        episode.id: advantage
        for group, advantages in zip(groups, found, strict=True)
        for episode, advantage in zip(group, advantages, strict=True)
    }


def broadcast(batch: Batch, advantages: dict[str, float]) -> Advantages:
    """Give every token its episode's advantage."""
    each = torch.tensor([advantages[episode.id] for episode in batch.episodes], dtype=torch.float32)
    return Advantages(each[batch.episode_of])


def critic_advantages(batch: Batch, values: Tensor, token_costs: Tensor | None, algorithm: Ppo) -> Advantages:
    """GAE along the chains that ``algorithm.chain`` names; not whitened.

    Args:
        batch: Every episode in it has sampled tokens.
        values: float32 [N], the critic's value of the context each token was sampled in, before the update.
        token_costs: float32 [N], taken from the reward token by token (KL), or none.
        algorithm: Settings.
    """
    ends, rewards = chains(batch, algorithm)
    token_rewards = rewards_at(ends, rewards, batch.size)
    if token_costs is not None:
        token_rewards = token_rewards - token_costs
    advantages = chained_gae(token_rewards, values, ends, gamma=algorithm.gamma, lam=algorithm.lam)
    return Advantages(advantages, advantages + values)


def chains(batch: Batch, algorithm: Ppo) -> tuple[Tensor, Tensor]:
    """Where chains end (int64 [chains], one past the last token) and the reward there (float32 [chains])."""
    episode_rewards = torch.tensor([_reward(episode) for episode in batch.episodes])
    episode_ends = batch.starts[1:]
    if algorithm.chain == "token_chain":
        return episode_ends, episode_rewards
    ends = torch.tensor(sorted(sample.flat[-1] + 1 for sample in batch.samples))
    rewards = episode_rewards[batch.episode_of[ends - 1]]
    if algorithm.segment_reward == "last":
        rewards = torch.where(torch.isin(ends, episode_ends), rewards, 0.0)
    return ends, rewards


def whiten(advantages: Sequence[Advantages]) -> list[Advantages]:
    """Shift and scale advantages to mean 0 and variance 1 over all tokens of all parts of a batch."""
    everything = torch.cat([one.advantages for one in advantages])
    mean, deviation = everything.mean(), everything.std(correction=0)
    return [Advantages((one.advantages - mean) / (deviation + 1e-8), one.returns) for one in advantages]


def _check(found: Groups, rewards: Groups, algorithm: Algorithm) -> None:
    """An estimator of somebody else's must give a finite number for every episode."""
    whole = [len(group) for group in found] == [len(group) for group in rewards]
    if not whole or not all(math.isfinite(value) for group in found for value in group):
        raise ConfigError(
            f"the estimator {algorithm.type!r} does not give one finite advantage for each episode of each group",
            where="train.algorithm",
            hint="its build returns a function from [[reward, ...], ...] to as many numbers in the same places",
        )


def _reward(episode: Episode) -> float:
    assert episode.reward is not None, f"episode {episode.id} was selected without a reward"
    return episode.reward
