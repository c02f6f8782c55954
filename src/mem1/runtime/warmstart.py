"""Supervised training on demonstrations as a recipe says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.console import Console

from mem1.actions import ActionSpace, make_format
from mem1.envs.qa import QaEnvConfig
from mem1.event_loop import run_here
from mem1.recipe import Recipe
from mem1.rollout.config import ends
from mem1.rollout.demonstrations import demonstrate
from mem1.rollout.distillation.load import ImportStats, LoadedDemos, read_demonstrations, record_taken
from mem1.rollout.distillation.retokenize import TargetSpec
from mem1.runtime.build import Runtime
from mem1.runtime.lessons.curriculum import CurriculumAhead, make_curriculum
from mem1.runtime.lessons.telling import ScriptedLessons, telling
from mem1.runtime.tasks import held_out, train_tasks
from mem1.runtime.train import watcher
from mem1.storage.run_dir import RunDir
from mem1.tasks.base import Source
from mem1.types import Composition, Episode, Task

if TYPE_CHECKING:  # torch: a model behind an endpoint is evaluated where there is none
    from mem1.train.loop import Evaluate, TrainResult
    from mem1.train.warmstart import Demonstrations

_MEASURED = 32  # tasks whose demonstrations only measure the loss


@dataclass(frozen=True, slots=True)
class Shown:
    """What to imitate and what to measure the loss on; where stored demonstrations come from, if those are shown."""

    learn: Demonstrations | ScriptedLessons
    held_out: Sequence[Episode]
    taken: ImportStats | None = None


def warm_start(
    runtime: Runtime, run: RunDir, shown: Shown, *, watched: Sequence[Task], resume: bool, console: Console
) -> TrainResult:
    """Train the policy on what is ``shown``. Raises ``ConfigError`` where its weights are not here."""
    local = runtime.trainable
    from mem1.runtime.models import seed
    from mem1.train.warmstart import warm_start as supervised

    seed(runtime.recipe, trains=True)
    if shown.taken is not None:
        record_taken(run, shown.taken, resume=resume)
        console.print(shown.taken.summary, highlight=False, soft_wrap=True)
    with telling(shown.learn, run, resume=resume) as learn:
        return supervised(
            local.trained,
            learn,
            runtime.recipe.warmstart,
            run,
            held_out=shown.held_out,
            evaluate=_watcher(runtime, watched),
            before_learning=local.rest,
            extra_files=local.tokenizer.save,
            console=console,
            monitors=runtime.recipe.monitors,
            pieces=local.tokenizer.pieces,
            resume=resume,
        )


def _watcher(runtime: Runtime, watched: Sequence[Task]) -> Evaluate | None:
    """As ``watcher``, by a sampler that is given the weights then and not after each step: nobody else wants it."""
    measured = watcher(runtime, watched)
    if measured is None:
        return None

    def handed_over(step: int) -> Mapping[str, float]:
        runtime.trainable.hand_over(step)
        return measured(step)

    return handed_over


def demonstrations(runtime: Runtime) -> Shown:
    """The demonstrations of a recipe: from distilled runs, else the scripted expert's in the environment's lessons."""
    recipe, tokenizer = runtime.recipe, runtime.trainable.tokenizer
    if recipe.demonstrations.runs:
        from mem1.train.warmstart import repeated

        found = _distilled(runtime)
        return Shown(repeated(found.learn, seed=recipe.seed), found.held_out, found.taken)
    curriculum = make_curriculum(recipe, runtime.world, tokenizer)
    tasks, make_env = _unseen(recipe, runtime.world.sources), runtime.world.make_env
    unseen = replace(curriculum.describe(0), tasks=tasks, make_env=make_env, stumbles=0.0)
    ahead = CurriculumAhead(recipe, tokenizer, curriculum.per_block) if recipe.lessons.workers else curriculum
    measured = demonstrate(unseen, recipe.memory.build(), tokenizer, label="held-out", on_lost=ahead.lose)
    return Shown(ahead, measured)


def _unseen(recipe: Recipe, sources: Sequence[Source]) -> list[Task]:
    """Dev tasks in the lessons' own compositions, as large as the largest of them."""
    own = recipe.lessons
    _, most = ends(own.objectives)
    bundles = Composition.CHAINED in own.compositions and most > 1
    other = [Composition.CHAINED if bundles else Composition.SEQUENTIAL]
    kinds = sorted(set(own.compositions)) if isinstance(recipe.env, QaEnvConfig) else other
    each = max(1, _MEASURED // len(kinds))
    return [task for kind in kinds for task in held_out(recipe, sources, "dev", kind, most, each, recipe.seed)]


def _distilled(runtime: Runtime) -> LoadedDemos:
    """What distilled runs show, as the policy will see it."""
    recipe, tokenizer = runtime.recipe, runtime.trainable.tokenizer
    memory, make_env = recipe.memory, runtime.world.make_env
    world = make_env(train_tasks(recipe, runtime.world.sources)[0])
    space = ActionSpace(world.tools, world.takes_answer, recipe.env.action_form)
    student = TargetSpec(
        tokenizer,
        memory.build(),
        runtime.engine.max_context,
        control=(*memory.tags.control_strings, *make_format(space, memory.tags.actions).control_strings),
        space=space,
    )
    return run_here(
        read_demonstrations(
            recipe.demonstrations,
            student,
            fingerprint=tokenizer.fingerprint,
            tags=memory.tags.model_dump(exclude_none=True),
            prompt_of=lambda task: make_env(task).reset()[0],
            seed=recipe.seed,
        )
    )
