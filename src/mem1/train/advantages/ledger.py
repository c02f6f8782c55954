"""What each episode of a rollout earned under a configuration: its reward in parts, less what training takes away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from mem1.errors import ConfigError
from mem1.train.advantages.earnings import Earning, Earnings, ObjectiveRewards, by_objective, whole
from mem1.types import Episode

if TYPE_CHECKING:
    from mem1.train.config import TrainConfig
    from mem1.train.rows.batch import Batch


class Ledger:
    """Says what episodes earned.

    Args:
        config: Settings.
        objective_rewards: What each objective adds to an episode's reward, for ``credit = "objective"``.

    Raises:
        ConfigError: Credit per objective is asked for and nobody says what an objective brought.
    """

    def __init__(self, config: TrainConfig, objective_rewards: ObjectiveRewards | None) -> None:
        if config.credit == "objective" and objective_rewards is None:
            raise ConfigError(
                "it is not known what each objective adds to an episode's reward",
                where="train.credit",
                hint='pass objective_rewards to the trainer, or set train.credit = "episode"',
            )
        self._config = config
        self._objective_rewards = objective_rewards if config.credit == "objective" else None

    def earned(self, episode: Episode) -> Earnings:
        """What a scored episode earned, divergence from the reference left out."""
        penalty = self._config.overlong.penalty(episode)
        if self._objective_rewards is None:
            (reward,) = whole(episode)
            return (Earning(reward.turn, reward.amount - penalty),)
        parts = by_objective(episode, self._objective_rewards)
        if self._config.overlong.how != "penalty":
            return parts
        return (*parts, Earning(max(0, len(episode.turns) - 1), -penalty))

    def amounts(self, episode: Episode) -> tuple[float, ...]:
        """The parts alone: where none of them differs between episodes nothing can be learned."""
        return tuple(one.amount for one in self.earned(episode))

    def charged(
        self, groups: Sequence[Sequence[Episode]], batches: Sequence[Batch], costs: Sequence[Tensor | None]
    ) -> dict[str, Earnings]:
        """What all episodes of ``groups`` earned, by id, ``costs`` (float32 [N] for each batch, or none) taken away."""
        earned = {episode.id: self.earned(episode) for group in groups for episode in group}
        for batch, cost in zip(batches, costs, strict=True):
            if cost is not None:
                earned |= {name: self._less(earned[name], each) for name, each in by_turn(batch, cost).items()}
        return earned

    def _less(self, earned: Earnings, costs: Sequence[float]) -> Earnings:
        if self._config.kl.credit == "to_go" or (self._config.kl.credit is None and self._objective_rewards):
            return (*earned, *(Earning(turn, -cost) for turn, cost in enumerate(costs)))
        *others, last = earned
        if others:
            return (*earned, Earning(max(0, len(costs) - 1), -sum(costs)))
        return (Earning(last.turn, last.amount - sum(costs)),)


def by_turn(batch: Batch, values: Tensor) -> Mapping[str, list[float]]:
    """The sum of ``values`` (float32 [N]) over the tokens of each turn, by the episode's id."""
    found = {}
    for index, episode in enumerate(batch.episodes):
        mine = slice(int(batch.starts[index]), int(batch.starts[index + 1]))
        sums = values.new_zeros(len(episode.turns)).index_add_(0, batch.turn_of[mine], values[mine])
        found[episode.id] = sums.tolist()
    return found
