"""From what episodes earned to one advantage for each sampled token, whatever the algorithm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from mem1.train.advantages.earnings import Earning
from mem1.train.advantages.gae import chained_gae, rewards_at
from mem1.train.advantages.ppo import Ppo
from mem1.train.rows.batch import Batch


@dataclass(frozen=True, slots=True)
class Advantages:
    """``advantages``: float32 [N]; ``returns``: float32 [N], the critic's targets, with PPO only."""

    advantages: Tensor
    returns: Tensor | None = None


def broadcast(batch: Batch, advantages: Mapping[str, Sequence[float]]) -> Advantages:
    """Give every token the advantage of its turn; ``advantages`` has one for each turn, by the episode's id."""
    each = [torch.tensor(advantages[episode.id], dtype=torch.float32) for episode in batch.episodes]
    owned = [each[index][batch.turn_of[mine]] for index, mine in enumerate(_slices(batch))]
    return Advantages(torch.cat(owned))


def critic_advantages(
    batch: Batch,
    values: Tensor,
    token_costs: Tensor | None,
    algorithm: Ppo,
    earned: Mapping[str, Sequence[Earning]],
) -> Advantages:
    """GAE along the chains that ``algorithm.chain`` names; not whitened.

    Args:
        batch: Every episode in it has sampled tokens.
        values: float32 [N], the critic's value of the context each token was sampled in, before the update.
        token_costs: float32 [N], taken from the reward token by token (KL), or none.
        algorithm: Settings.
        earned: What each episode earned, by its id: it stands at the tokens that decided it.
    """
    ends, token_rewards = chains(batch, algorithm, earned)
    if token_costs is not None:
        token_rewards = token_rewards - token_costs
    advantages = chained_gae(token_rewards, values, ends, gamma=algorithm.gamma, lam=algorithm.lam)
    return Advantages(advantages, advantages + values)


def chains(batch: Batch, algorithm: Ppo, earned: Mapping[str, Sequence[Earning]]) -> tuple[Tensor, Tensor]:
    """Where chains end (int64 [chains], one past the last token) and the reward of each token (float32 [N])."""
    episode_ends = batch.starts[1:]
    if algorithm.chain == "token_chain":
        return episode_ends, _at_tokens(batch, earned)
    ends = torch.tensor(sorted(sample.flat[-1] + 1 for sample in batch.samples))
    if algorithm.segment_reward == "last":
        return ends, _at_tokens(batch, earned)
    totals = torch.tensor([sum(one.amount for one in earned[episode.id]) for episode in batch.episodes])
    return ends, rewards_at(ends, totals[batch.episode_of[ends - 1]], batch.size)


def _at_tokens(batch: Batch, earned: Mapping[str, Sequence[Earning]]) -> Tensor:
    """float32 [N]: each earning at the last token sampled in its turn, or before where the turn has none."""
    placed = torch.zeros(batch.size, dtype=torch.float32)
    for episode, mine in zip(batch.episodes, _slices(batch), strict=True):
        turns = torch.tensor([one.turn for one in earned[episode.id]])
        amounts = torch.tensor([one.amount for one in earned[episode.id]], dtype=torch.float32)
        places = torch.searchsorted(batch.turn_of[mine], turns, right=True).sub_(1).clamp_(min=0)
        placed[mine].index_add_(0, places, amounts)
    return placed


def _slices(batch: Batch) -> list[slice]:
    return [slice(start, end) for start, end in pairwise(batch.starts.tolist())]


def whiten(advantages: Sequence[Advantages]) -> list[Advantages]:
    """Shift and scale advantages to mean 0 and variance 1 over all tokens of all parts of a batch."""
    everything = torch.cat([one.advantages for one in advantages])
    mean, deviation = everything.mean(), everything.std(correction=0)
    return [Advantages((one.advantages - mean) / (deviation + 1e-8), one.returns) for one in advantages]
