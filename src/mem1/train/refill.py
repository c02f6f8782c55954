"""Dynamic sampling (DAPO, arXiv 2503.14476, section 3.2): other tasks in place of those whose groups teach nothing."""

from __future__ import annotations

import random
from collections.abc import Sequence

from mem1.train.advantages.earnings import ObjectiveRewards
from mem1.train.advantages.ledger import Ledger
from mem1.train.config import TrainConfig
from mem1.train.selection import select
from mem1.types import EpisodeGroup, Task


class Refilling:
    """Says which tasks a step still needs.

    Args:
        config: Settings; ``tasks_per_step`` groups that teach something are wanted.
        pool: What tasks are drawn from.
        objective_rewards: As the trainer's.
    """

    def __init__(
        self, config: TrainConfig, pool: Sequence[Task], objective_rewards: ObjectiveRewards | None = None
    ) -> None:
        self._config = config
        self._pool = pool
        self._ledger = Ledger(config, objective_rewards)

    def tasks(self, groups: Sequence[EpisodeGroup], step: int, attempt: int) -> list[Task]:
        """As many tasks as groups are missing, none of those played in this step already while there are others.

        Groups in which every episode failed are not made up for: another task would not mend that. The choice depends
        on the seed, the step, the attempt and the groups alone.
        """
        teaching = sum(self._teaches(group) for group in groups)
        broken = sum(all(episode.failed for episode in group.episodes) for group in groups)
        missing = self._config.tasks_per_step - teaching - broken
        played = {group.episodes[0].task.id for group in groups if group.episodes}
        others = [task for task in self._pool if task.id not in played]
        rng = random.Random(f"{self._config.seed}/refill/{step}/{attempt}")
        return rng.sample(others, min(max(0, missing), len(others)))

    def _teaches(self, group: EpisodeGroup) -> bool:
        return select([group], compare_in_groups=True, amounts=self._ledger.amounts).signal
