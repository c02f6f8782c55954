"""Reinforcement learning as a recipe says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from mem1.event_loop import run_here
from mem1.recipe import Recipe
from mem1.rollout.group import as_groups
from mem1.rollout.health import RolloutHealthCheck
from mem1.rollout.reward import objective_rewards_of
from mem1.runtime.build import Runtime
from mem1.runtime.play import play, played
from mem1.storage.run_dir import RunDir
from mem1.types import Episode, EpisodeGroup, Task

if TYPE_CHECKING:  # torch: a model behind an endpoint is evaluated where there is none
    from mem1.train.loop import TrainResult

Playing = Callable[..., Awaitable[list[Episode]]]
"""``(tasks, label, size=, temperature=)``: episodes of each task, as ``runtime.play.played`` without its runtime."""


def train(
    runtime: Runtime, run: RunDir, *, pool: Sequence[Task], watched: Sequence[Task], resume: bool, console: Console
) -> TrainResult:
    """Train the policy on ``pool`` and score it on ``watched``.

    Raises ``ConfigError`` where its weights are not here.
    """
    local = runtime.trainable
    from mem1.runtime.models import seed
    from mem1.train.memory_credit.probes import answer_probes
    from mem1.train.trainer import Trainer

    seed(runtime.recipe, trains=True)
    tags = runtime.recipe.memory.tags
    trainer = Trainer(
        local.trained,
        runtime.recipe.train,
        run,
        rollout=lambda step: _confirmed(runtime, pool, step),
        objective_rewards=objective_rewards_of(runtime.recipe.reward),
        probes=answer_probes(local.tokenizer, tags.opening(tags.answer)),
        evaluate=watcher(runtime, watched),
        on_weights=local.hand_over,
        before_learning=local.rest,
        extra_files=local.tokenizer.save,
        console=console,
        monitors=runtime.recipe.monitors,
    )
    return trainer.train(resume=resume)


def watcher(runtime: Runtime, watched: Sequence[Task]) -> Callable[[int], Mapping[str, float]] | None:
    """Greedy scores on dev tasks like those trained on, after a step; ``None`` where there are no such tasks."""

    def measured(step: int) -> Mapping[str, float]:
        found = watch(watched, step, partial(play, runtime))
        run_here(runtime.trainable.confirm())
        return found

    return measured if watched else None


async def _confirmed(runtime: Runtime, pool: Sequence[Task], step: int) -> list[EpisodeGroup]:
    """The groups of a step, once it is known that they were written with the weights that were handed over."""
    groups = await rollout(runtime.recipe, pool, step, partial(played, runtime))
    await runtime.trainable.confirm()
    return groups


async def rollout(recipe: Recipe, pool: Sequence[Task], step: int, playing: Playing) -> list[EpisodeGroup]:
    """The groups that step ``step`` (counted from 0) learns from, others in place of those that teach nothing."""
    config = recipe.train
    first = step * config.tasks_per_step
    tasks = [pool[(first + i) % len(pool)] for i in range(config.tasks_per_step)]
    groups = as_groups(await playing(tasks, f"train/{step}", size=config.group_size, temperature=config.temperature))
    if config.refill:
        from mem1.train.refill import Refilling

        refilling = Refilling(config, pool, objective_rewards_of(recipe.reward))
        for attempt in range(1, config.refill + 1):
            others = refilling.tasks(groups, step, attempt)
            if not others:
                break
            groups += as_groups(
                await playing(others, f"train/{step}+{attempt}", size=config.group_size, temperature=config.temperature)
            )
    return groups


def watch(watched: Sequence[Task], step: int, play: Callable[..., list[Episode]]) -> Mapping[str, float]:
    """Greedy scores after ``step`` steps; ``play`` as ``runtime.play`` without its runtime. Raises ``Mem1Error``."""
    done = play(watched, f"watch/{step}", size=1, temperature=0.0)
    RolloutHealthCheck(done).check(f"the evaluation after step {step}")
    scores = [episode.score for episode in done if episode.score is not None]
    if not scores:
        return {}
    sums = {name: sum(score.total(name) for score in scores) / len(scores) for name in scores[0].metrics}
    return sums | {
        "answer_rate": sum(sum(score.answered) / len(score.answered) for score in scores) / len(scores),
    }
