"""Credit per objective: a token is credited with what is earned from its objective on, not with what was earned before.

Where questions come one after the other their rewards are known one after the other. With one advantage an episode a
token of the seventh objective is credited with the six before it, on which it has no influence, and the variance grows
with their number. Here every turn gets the reward to go of the objective it worked on, r_k + ... + r_N, and the
baseline compares it with the same objective's reward to go in the group's other episodes.

Source: reward to go is the policy gradient theorem's (Sutton et al. 2000); a baseline for each step of a group is what
GiGPO (arXiv 2505.10978) does with states, here with objectives. Where all questions are asked upfront every turn
belongs to objective 0, and this is credit per episode.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, combinations

from mem1.errors import ConfigError
from mem1.train.advantages.checked import estimated
from mem1.train.advantages.config import Algorithm
from mem1.types import Episode

_CLOSE = 1e-9


def earned(episode: Episode) -> list[float]:
    """The reward of each objective. They sum to the episode's reward.

    Raises:
        ConfigError: The reward is not the sum of one or two of the score's metrics over the objectives.
    """
    if episode.score is not None and episode.reward is not None:
        metrics = list(episode.score.metrics.values())
        for several in (1, 2):
            for chosen in combinations(metrics, several):
                each = [sum(value or 0.0 for value in values) for values in zip(*chosen, strict=True)]
                if abs(sum(each) - episode.reward) < _CLOSE:
                    return each
    raise ConfigError(
        f"the reward {episode.reward} of episode {episode.id} is not a sum over its objectives",
        where="train.credit",
        hint='credit per objective needs a reward such as "em"; with others use train.credit = "episode"',
    )


def to_go(rewards: Sequence[float]) -> list[float]:
    """For each objective what it and all later ones earn.

    >>> to_go([1, 0, 1])
    [2, 1, 1]
    """
    return list(accumulate(reversed(rewards)))[::-1]


def objective_advantages(
    groups: Sequence[Sequence[Episode]], algorithm: Algorithm, costs: dict[str, list[float]]
) -> dict[str, list[float]]:
    """For each episode (by id) one advantage for each of its objectives.

    Args:
        groups: Scored episodes; those of a group have the same task.
        algorithm: The estimator, applied to one objective after the other.
        costs: What to take from the rewards of an episode's objectives (their KL costs), by id; absent is 0.
    """
    going = {
        episode.id: to_go([r - c for r, c in zip(earned(episode), _costs(episode, costs), strict=True)])
        for group in groups
        for episode in group
    }
    found: dict[str, list[float]] = {name: [] for name in going}
    for objective in range(max((len(each) for each in going.values()), default=0)):
        reached = [[one for one in group if objective < one.task.size] for group in groups]
        compared = [group for group in reached if group]
        numbers = estimated(algorithm, [[going[one.id][objective] for one in group] for group in compared])
        for group, advantages in zip(compared, numbers, strict=True):
            for one, advantage in zip(group, advantages, strict=True):
                found[one.id].append(advantage)
    return found


def differs(episodes: Sequence[Episode]) -> bool:
    """Whether any objective's reward to go differs between the episodes, so that there is something to learn."""
    return len({tuple(to_go(earned(episode))) for episode in episodes}) > 1


def _costs(episode: Episode, costs: dict[str, list[float]]) -> list[float]:
    return costs.get(episode.id, [0.0] * episode.task.size)
