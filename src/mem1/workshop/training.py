"""A recipe trains: reinforcement learning, and the warm start before it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from mem1.actions import ActionSpace, make_format
from mem1.rollout.demonstrations import DemonstrationSource, Lesson, demonstrate
from mem1.rollout.distillation.load import ImportStats, LoadedDemos, read_demonstrations, record_taken
from mem1.rollout.distillation.retokenize import TargetSpec
from mem1.rollout.group import as_groups
from mem1.rollout.health import RolloutHealthCheck
from mem1.types import Composition, Episode, EpisodeGroup, Task
from mem1.workshop.lessons import lesson, letters
from mem1.workshop.stage import Stage

if TYPE_CHECKING:  # torch: a model behind an endpoint is evaluated where there is none
    from mem1.train.loop import TrainResult
    from mem1.train.warmstart import Demonstrations


class Training(Stage):
    """Trains the recipe's policy."""

    def train(self, *, resume: bool) -> TrainResult:
        """Reinforcement learning. Raises ``ConfigError`` where the engine's weights are not here."""
        self.local()
        from mem1.train.trainer import Trainer

        self.seed()
        trainer = Trainer(
            self.trainable_policy,
            self.recipe.train,
            self.run,
            rollout=self._rollout,
            evaluate=self._watch if self.recipe.watch_tasks else None,
            on_weights=self.hand_over,
            extra_files=self.tokenizer.save,
            console=self._console,
        )
        return trainer.train(resume=resume)

    def _rollout(self, step: int) -> list[EpisodeGroup]:
        config = self.recipe.train
        pool = self.train_tasks
        first = step * config.tasks_per_step
        tasks = [pool[(first + i) % len(pool)] for i in range(config.tasks_per_step)]
        return as_groups(self.play(tasks, f"train/{step}", size=config.group_size))

    def _watch(self, step: int) -> Mapping[str, float]:
        """Greedy scores on dev tasks like those trained on."""
        done = self.play(self.watched, f"watch/{step}", temperature=0.0)
        RolloutHealthCheck(done).check(f"the evaluation after step {step}")
        scores = [episode.score for episode in done if episode.score is not None]
        if not scores:
            return {}
        return {
            "em": sum(score.em_sum for score in scores) / len(scores),
            "f1": sum(score.f1_sum for score in scores) / len(scores),
            "answer_rate": sum(sum(score.answered) / len(score.answered) for score in scores) / len(scores),
        }

    def warm_start(self, *, resume: bool) -> TrainResult:
        """Supervised training on demonstrations. Raises ``ConfigError`` where the engine's weights are not here."""
        self.local()
        from mem1.train.warmstart import warm_start

        self.seed()
        shown, held_out, taken = self.shown
        if taken is not None:
            record_taken(self.run, taken, resume=resume)
            self._console.print(taken.summary, highlight=False, soft_wrap=True)
        return warm_start(
            self.trainable_policy,
            shown,
            self.recipe.warmstart,
            self.run,
            held_out=held_out,
            evaluate=self._watch if self.recipe.watch_tasks else None,
            on_weights=self.hand_over,
            extra_files=self.tokenizer.save,
            console=self._console,
            resume=resume,
        )

    @cached_property
    def shown(self) -> tuple[Demonstrations, Sequence[Episode], ImportStats | None]:
        """What to imitate, what to measure the loss on, and where stored demonstrations come from."""
        if self.recipe.demonstrations.runs:
            from mem1.train.warmstart import repeated

            found = self._demonstrated()
            return repeated(found.learn, seed=self.recipe.seed), found.held_out, found.taken
        curriculum = DemonstrationSource(
            self._lesson,
            self.recipe.memory.build(),
            self.tokenizer,
            per_lesson=self.recipe.lessons.per_lesson,
            mixed=self.recipe.lessons.mixed,
            seed=self.recipe.seed,
        )
        unseen = replace(self._lesson(0), tasks=self._watched_singles, make_env=self.make_env)
        return curriculum, demonstrate(unseen, self.recipe.memory.build(), self.tokenizer, label="held-out"), None

    def _demonstrated(self) -> LoadedDemos:
        """What distilled runs show, as the policy will see it."""
        memory, recipe = self.recipe.memory, self.recipe
        world = self.make_env(self.train_tasks[0])
        space = ActionSpace(world.tools, world.takes_answer, recipe.env.action_form)
        student = TargetSpec(
            self.tokenizer,
            memory.build(),
            self.engine.max_context,
            control=(*memory.tags.control_strings, *make_format(space, memory.tags.actions).control_strings),
            space=space,
        )
        return asyncio.run(
            read_demonstrations(
                recipe.demonstrations,
                student,
                fingerprint=self.tokenizer.fingerprint,
                tags=memory.tags.model_dump(exclude_none=True),
                prompt_of=lambda task: self.make_env(task).reset()[0],
                seed=recipe.seed,
            )
        )

    @cached_property
    def _watched_singles(self) -> list[Task]:
        return self.tasks("dev", Composition.SEQUENTIAL, self.recipe.lessons.objectives, 32, self.recipe.seed)

    def _lesson(self, number: int) -> Lesson:
        return lesson(self, number, self._letters)

    @cached_property
    def _letters(self) -> list[str]:
        return letters(self.tokenizer)
