"""The numbers of one training step, as pure functions of what happened in it.

Names are ``section/name``; those of the gap to the engine are in ``gap.py``. A list has one entry for each turn index.

======================================  ==============================================================================
reward/mean, reward/max                 over scored episodes
quality/em, quality/f1, ...             each metric of the scores per objective; ``quality/em_sum``: summed
quality/answer_rate                     answered objectives / objectives
episode/turns, episode/sampled          turns and sampled tokens an episode
episode/state_length                    tokens a state
episode/malformed                       turns without an action / turns
episode/peak, episode/peak_max          largest prompt + completion of an episode, mean and largest over episodes
episode/peak_without_prompt             the same less the task prompt, mean over episodes
episode/stopped_REASON                  share of episodes
count/episodes, count/failed            all episodes; those with an error record; ``count/unscored``: no reward
count/masked                            cut off and therefore not trained on (``train.overlong``)
count/groups, count/without_signal      groups; those in which no two rewards differ
policy/entropy, policy/loss             nats a token; the minibatch loss, mean over updates
policy/kl_reference                     k3 estimate against the reference before the update, nats a token
policy/kl_step                          k3 estimate of how far the policy had moved from the rollout's weights
policy/clip_fraction                    tokens whose gradient the clip took away / tokens
policy/ratio_mean, ratio_min, ratio_max p(now) / p(before the first update), over tokens
policy/ratio_by_turn                    the mean by turn; ``policy/clip_by_turn``: the clip fraction by turn
policy/rollout_gap, rollout_gap_max     abs(log p of the trainer - log p of the rollout), before the first update
policy/rollout_gap_by_turn              the mean by turn
policy/staleness, staleness_max         steps between the weights that wrote an episode and those that learn from it
policy/advantage_std                    over tokens
policy/grad_norm                        before clipping, mean over updates
critic/loss, critic/explained, ...      value loss; share of the returns' variance that the values explain
======================================  ==============================================================================
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from mem1.train.advantages.kl import kl
from mem1.train.rows.samples import sampled_count
from mem1.train.selection import Selection, rewards_of
from mem1.train.update import StepStats
from mem1.types import Episode, EpisodeGroup, Malformed, StopReason

Values = dict[str, float | list[float | None]]


def rollout_metrics(groups: Sequence[EpisodeGroup], selection: Selection) -> Values:
    """What the episodes of one rollout were like. A mean over nothing is left out."""
    episodes = [e for group in groups for e in group.episodes]
    finished = [e for e in episodes if not e.failed]
    turns = [turn for e in finished for turn in e.turns]
    rewards = rewards_of(finished)
    peaks = [e.peak for e in finished]
    values: Values = {
        "count/episodes": selection.episodes,
        "count/failed": selection.failed,
        "count/unscored": selection.unscored,
        "count/masked": len(selection.masked),
        "count/groups": selection.groups_seen,
        "count/without_signal": selection.without_signal,
    }
    _put_mean(values, "reward/mean", rewards)
    if rewards:
        values["reward/max"] = max(rewards)
    values |= quality_metrics(finished)
    _put_mean(values, "episode/turns", [len(e.turns) for e in finished])
    _put_mean(values, "episode/sampled", [sampled_count(e) for e in finished])
    _put_mean(values, "episode/state_length", [turn.state_length for turn in turns])
    _put_mean(values, "episode/malformed", [isinstance(turn.action, Malformed) for turn in turns])
    _put_mean(values, "episode/peak", peaks)
    if peaks:
        values["episode/peak_max"] = max(peaks)
    _put_mean(values, "episode/peak_without_prompt", [e.peak_without_prompt for e in finished])
    stops = Counter(e.stop for e in episodes)
    values |= {f"episode/stopped_{reason.value}": stops[reason] / len(episodes) for reason in StopReason if episodes}
    return values


def quality_metrics(episodes: Iterable[Episode]) -> Values:
    """Each metric and the answer rate of the episodes that have a score."""
    scores = [e.score for e in episodes if e.score is not None]
    values: Values = {}
    for name in dict.fromkeys(name for s in scores for name in s.metrics):
        having = [s for s in scores if name in s.metrics]
        _put_mean(values, f"quality/{name}_sum", [s.total(name) for s in having])
        _put_mean(values, f"quality/{name}", [v for s in having for v in s.known(name)])
    _put_mean(values, "quality/answer_rate", [a for s in scores for a in s.answered])
    return values


def update_metrics(updates: Sequence[StepStats]) -> Values:
    """What the optimizer steps of one rollout saw; empty for none."""
    if not updates:
        return {}
    first = list({id(u.minibatch): u for u in reversed(updates)}.values())[::-1]  # each minibatch's first update
    turn_of = torch.cat([u.minibatch.batch.turn_of for u in updates])
    ratio = torch.cat([u.ratio for u in updates])
    clipped = torch.cat([u.clipped for u in updates]).float()
    old = torch.cat([before(u) for u in first])
    gap = (old - torch.cat([u.minibatch.batch.rollout_logprobs for u in first])).abs()
    now = torch.cat([u.logprobs for u in updates])
    values: Values = {
        "policy/updates": len(updates),
        "policy/loss": sum(u.loss for u in updates) / len(updates),
        "policy/grad_norm": sum(u.grad_norm for u in updates) / len(updates),
        "policy/entropy": torch.cat([u.entropy for u in first]).mean().item(),
        "policy/clip_fraction": clipped.mean().item(),
        "policy/clip_by_turn": by_turn(clipped, turn_of),
        "policy/ratio_mean": ratio.mean().item(),
        "policy/ratio_min": ratio.min().item(),
        "policy/ratio_max": ratio.max().item(),
        "policy/ratio_by_turn": by_turn(ratio, turn_of),
        "policy/kl_step": kl("k3", torch.cat([before(u) for u in updates]), now).mean().item(),
        "policy/rollout_gap": gap.mean().item(),
        "policy/rollout_gap_max": gap.max().item(),
        "policy/rollout_gap_by_turn": by_turn(gap, torch.cat([u.minibatch.batch.turn_of for u in first])),
        "policy/advantage_std": torch.cat([u.minibatch.advantages for u in first]).std(correction=0).item(),
    }
    references = [u.minibatch.reference_logprobs for u in first]
    if all(reference is not None for reference in references):
        known = torch.cat([reference for reference in references if reference is not None])
        values["policy/kl_reference"] = kl("k3", old, known).mean().item()
    return values | _critic_metrics(updates, first)


def by_turn(values: Tensor, turn_of: Tensor) -> list[float | None]:
    """Mean of ``values`` [N] over the tokens of each turn index, ``None`` for one without; ``turn_of`` is int64 [N]."""
    counts = torch.bincount(turn_of).tolist()
    sums = torch.bincount(turn_of, weights=values.double()).tolist()
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]


def _critic_metrics(updates: Sequence[StepStats], first: Sequence[StepStats]) -> Values:
    values: Values = {}
    _put_mean(values, "critic/loss", [u.value_loss for u in updates if u.value_loss is not None])
    _put_mean(values, "critic/grad_norm", [u.critic_grad_norm for u in updates if u.critic_grad_norm is not None])
    guesses = [u.minibatch.old_values for u in first if u.minibatch.old_values is not None]
    returns = [u.minibatch.returns for u in first if u.minibatch.returns is not None]
    if guesses and returns:
        target, error = torch.cat(returns), torch.cat(returns) - torch.cat(guesses)
        spread = target.var(correction=0).item()
        values["critic/value_mean"] = torch.cat(guesses).mean().item()
        if spread > 0:
            values["critic/explained"] = 1 - error.var(correction=0).item() / spread
    return values


def before(update: StepStats) -> Tensor:
    """Log p of each token under the weights that the rollout's updates began with, float [N]."""
    return update.logprobs if update.minibatch.old_logprobs is None else update.minibatch.old_logprobs


def _put_mean(values: Values, name: str, numbers: Sequence[float]) -> None:
    if numbers:
        values[name] = sum(numbers) / len(numbers)
