"""Where episodes are played: the parts put together, in the service of a run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console

from mem1.inference.base import Engine, Tokenizer
from mem1.recipe import Recipe
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.storage.run_dir import RunDir
from mem1.storage.vocabulary import keep_vocabulary
from mem1.types import Episode, Score, Task
from mem1.workshop.models import Models


class Stage(Models):
    """A recipe's parts, ready to play episodes, and the run that keeps what comes of them."""

    def __init__(self, recipe: Recipe, run: RunDir | None = None) -> None:
        super().__init__(recipe)
        self._run = run
        self._console = Console(stderr=True)
        self._vocabulary_kept = False

    @property
    def run(self) -> RunDir:
        """Where results go."""
        assert self._run is not None, "this command writes no run"
        return self._run

    def write_to(self, run: RunDir) -> None:
        """Results go there from now on."""
        self._run = run

    def parts(self, memory: Any = None, temperature: float = 1.0, engine: Engine | None = None) -> RolloutContext:
        """What the episode loop needs, with the recipe's memory policy or another."""
        engine = engine or self.engine
        self._keep_vocabulary(engine.tokenizer)
        return RolloutContext(
            engine=engine,
            make_env=self.make_env,
            make_memory=(memory or self.recipe.memory).build(),
            temperature=temperature,
            reward=_REWARDS[self.recipe.reward],
            form=self.recipe.env.action_form,
            side_engine=self.side_engine,
            scoring_waits=self.recipe.scorer.waits,
        )

    def _keep_vocabulary(self, tokenizer: Tokenizer) -> None:
        """Let the run's episodes be read without the model."""
        if self._run is not None and not self._vocabulary_kept:
            keep_vocabulary(self._run.vocabulary, tokenizer)
            self._vocabulary_kept = True

    def play(self, tasks: Sequence[Task], label: str, *, size: int = 1, temperature: float = 1.0) -> list[Episode]:
        """``size`` episodes of each task under the trained memory policy."""
        requests = group_requests(tasks, size, seed=self.recipe.seed, label=label)
        parts = self.parts(temperature=temperature)
        return asyncio.run(run_requests(requests, parts, concurrency=self.recipe.engine.slots))


def _em_sum(score: Score) -> float | None:
    return None if None in score.em else score.em_sum


def _f1_sum(score: Score) -> float | None:
    return None if None in score.f1 else score.f1_sum


def _env_sum(score: Score) -> float | None:
    return None if None in score.rewards else score.reward_sum


_REWARDS: dict[str, Callable[[Score], float | None]] = {"em": _em_sum, "f1": _f1_sum, "env": _env_sum}
