"""A recipe collects demonstrations from a teacher."""

from __future__ import annotations

import asyncio
from functools import cached_property

from mem1.inference.base import Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.expert import Expert, enlist_all
from mem1.rollout.distillation.collect import TEACHER, Teacher, distill
from mem1.rollout.distillation.progress import distill_bar
from mem1.rollout.episode import RolloutRequest
from mem1.rollout.group import group_requests
from mem1.storage.distillation import Distillation
from mem1.workshop.stage import Stage


class Distilling(Stage):
    """Lets a teacher demonstrate the recipe's tasks."""

    def teacher(self) -> Teacher:
        """Who demonstrates: the recipe's model, or the scripted expert in its tokens."""
        recipe = self.recipe
        expert = recipe.distill.teacher == "expert"
        tokenizer: Tokenizer = self.tokenizer if expert else self.engine.tokenizer
        return Teacher(
            name="expert" if expert else f"{getattr(recipe.engine, 'model', recipe.model)} ({recipe.engine.type})",
            parts=self.parts(engine=self._expert if expert else None),
            strategy=recipe.memory.type,
            tokenizer=getattr(tokenizer, "fingerprint", None),
            tags=recipe.memory.tags.model_dump(exclude_none=True),
        )

    def distill(self) -> Distillation:
        """Demonstrations of the recipe's tasks by the teacher."""
        with distill_bar(len(self._distill_jobs), self._console) as tell:
            return asyncio.run(
                distill(self._distill_jobs, self.teacher(), self.recipe.distill, self.run, on_episode=tell)
            )

    @cached_property
    def _distill_jobs(self) -> list[RolloutRequest]:
        return group_requests(self.train_tasks, self.recipe.distill.samples, seed=self.recipe.seed, label=TEACHER)

    @cached_property
    def _expert(self) -> ScriptedEngine:
        tags = self.recipe.memory.tags
        expert = Expert(observation_tag=tags.opening(tags.observation))
        enlist_all(expert, ((request.episode_id, request.task) for request in self._distill_jobs))
        return ScriptedEngine(expert, self.tokenizer)
