"""From episode rewards to one advantage for each sampled token, whatever the algorithm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mem1.train.advantages.checked import estimated
from mem1.train.advantages.config import Algorithm
from mem1.train.advantages.gae import chained_gae, rewards_at
from mem1.train.advantages.objectives import earned
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
    found = estimated(algorithm, rewards)
    return {
        episode.id: advantage
        for group, advantages in zip(groups, found, strict=True)
        for episode, advantage in zip(group, advantages, strict=True)
    }


def broadcast(batch: Batch, advantages: dict[str, float]) -> Advantages:
    """Give every token its episode's advantage."""
    each = torch.tensor([advantages[episode.id] for episode in batch.episodes], dtype=torch.float32)
    return Advantages(each[batch.episode_of])


def broadcast_objectives(batch: Batch, advantages: dict[str, list[float]]) -> Advantages:
    """Give every token the advantage of the objective that its turn worked on."""
    each = [[advantages[episode.id][turn.objective] for turn in episode.turns] for episode in batch.episodes]
    pairs = zip(batch.episode_of.tolist(), batch.turn_of.tolist(), strict=True)
    return Advantages(torch.tensor([each[episode][turn] for episode, turn in pairs], dtype=torch.float32))


def objective_costs(batch: Batch, costs: Tensor) -> dict[str, list[float]]:
    """Token costs (float32 [N]) summed over each objective of each episode, by id."""
    found = {episode.id: [0.0] * episode.task.size for episode in batch.episodes}
    for episode, turn, cost in zip(batch.episode_of.tolist(), batch.turn_of.tolist(), costs.tolist(), strict=True):
        one = batch.episodes[episode]
        found[one.id][one.turns[turn].objective] += cost
    return found


def objective_ends(batch: Batch) -> tuple[Tensor, Tensor]:
    """Where what was earned is due: int64 [R], one past the last token of an objective; float32 [R], what it earned.

    An objective for which nothing was sampled is due with the last token before it, or the first one there is.
    """
    ends, rewards = [], []
    starts = batch.starts.tolist()
    turns = batch.turn_of.tolist()
    for number, episode in enumerate(batch.episodes):
        flat = range(starts[number], starts[number + 1])
        objectives = [episode.turns[turns[token]].objective for token in flat]
        for objective, reward in enumerate(earned(episode)):
            last = max((i for i, one in enumerate(objectives) if one <= objective), default=0)
            ends.append(flat[last] + 1)
            rewards.append(reward)
    return torch.tensor(ends), torch.tensor(rewards)


def critic_advantages(
    batch: Batch, values: Tensor, token_costs: Tensor | None, algorithm: Ppo, *, by_objective: bool = False
) -> Advantages:
    """GAE along the chains that ``algorithm.chain`` names; not whitened.

    Args:
        batch: Every episode in it has sampled tokens.
        values: float32 [N], the critic's value of the context each token was sampled in, before the update.
        token_costs: float32 [N], taken from the reward token by token (KL), or none.
        algorithm: Settings.
        by_objective: Each objective's reward stands at the token that earned it, and not at the end of the chain.
    """
    ends, rewards = chains(batch, algorithm)
    due, earned_there = objective_ends(batch) if by_objective else (ends, rewards)
    token_rewards = rewards_at(due, earned_there, batch.size)
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


def _reward(episode: Episode) -> float:
    assert episode.reward is not None, f"episode {episode.id} was selected without a reward"
    return episode.reward
