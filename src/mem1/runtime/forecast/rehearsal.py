"""A few of a command's episodes, played by the scripted expert in the policy's tokens: what they usually take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from mem1.envs.qa import QaEnvConfig
from mem1.event_loop import run_here
from mem1.inference.base import Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.memory.config import MemoryConfig
from mem1.recipe import Recipe
from mem1.registry import resolve
from mem1.rollout.group import group_requests, run_requests
from mem1.runtime.build import World, build_world, texts
from mem1.runtime.forecast.amounts import Amount, most_of
from mem1.runtime.forecast.speeds import Speeds, recorded
from mem1.runtime.models import tokenizer_of
from mem1.runtime.play import context_of, scripted_expert
from mem1.types import Task

_PLAYED = 4  # tasks of a kind
_FILLER = "noted " * 2000  # what side calls write: as much as they may


class Rehearsal:
    """The tasks of a recipe without its model: its tokenizer is loaded and its own passages are searched, no service.

    Raises ``Mem1Error`` where sources or the tokenizer are missing.
    """

    def __init__(self, recipe: Recipe) -> None:
        # Its scores are not looked at: a judge is not asked, and no service is searched.
        scorer = resolve("scorer", "standard").model_validate({})
        self.recipe = recipe.model_copy(update={"scorer": scorer})
        self.world: World = build_world(self.recipe)
        self.tokenizer: Tokenizer = tokenizer_of(self.recipe, texts(self.recipe, self.world))

    @property
    def knows_how(self) -> bool:
        """Whether the scripted expert can do these tasks without asking anybody."""
        env = self.recipe.env
        searches = self.recipe.retriever.type != "remote"
        return isinstance(env, QaEnvConfig) and env.action_form == "tags" and searches

    def usual(self, tasks: Sequence[Task], memory: MemoryConfig, *, cap: int | None) -> Amount | None:
        """What an episode of each of ``tasks`` takes together; ``None`` where the expert cannot tell."""
        if not tasks or not self.knows_how:
            return None
        count = min(_PLAYED, len(tasks))
        some = [tasks[(2 * k + 1) * len(tasks) // (2 * count)] for k in range(count)]
        requests = group_requests(some, 1, seed=self.recipe.seed, label="forecast")
        engine = scripted_expert(requests, memory, self.tokenizer, window=self.window)
        side = ScriptedEngine(lambda session, text: _FILLER, self.tokenizer, self.window)
        parts = context_of(self.recipe, self.world.make_env, engine, side_engine=side, memory=memory)
        episodes = run_here(run_requests(requests, replace(parts, cap=cap), concurrency=len(requests)))
        if any(episode.failed for episode in episodes):
            return None
        together = sum((Amount.of(episode) for episode in episodes), Amount())
        return together.times(len(tasks) / len(episodes))

    def most(self, tasks: Sequence[Task], memory: MemoryConfig, *, cap: int | None) -> Amount:
        """What an episode of each of ``tasks`` takes together at most."""
        engine = ScriptedEngine(lambda session, text: "", self.tokenizer, self.window)
        parts = replace(context_of(self.recipe, self.world.make_env, engine, memory=memory), cap=cap)
        return sum(
            (
                most_of(
                    task,
                    parts,
                    observation=memory.budgets.observation,
                    side=memory.at(task.size).side_tokens,
                    window=self.window,
                )
                for task in tasks
            ),
            Amount(),
        )

    @cached_property
    def speeds(self) -> Speeds:
        """How fast earlier runs of this model and engine were."""
        return recorded(self.recipe)

    @property
    def window(self) -> int:
        """The model's context, as far as the recipe says it."""
        return self.recipe.writer.max_context or 1_000_000
