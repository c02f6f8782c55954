"""Strategies of a recipe side by side, and training views against what was sampled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from mem1.errors import ConfigError
from mem1.evaluation.config import EvaluateConfig
from mem1.evaluation.evaluate import evaluate as run_evaluation
from mem1.evaluation.records import CellKey, Evaluation, PolicyInfo
from mem1.event_loop import run_here
from mem1.inference.base import Tokenizer
from mem1.inference.weights import SharedWeights
from mem1.memory.config import MemoryConfig
from mem1.memory.fitting import fitted
from mem1.recipe import Recipe
from mem1.rollout.health import RolloutHealthCheck
from mem1.runtime.build import Runtime
from mem1.runtime.play import context, play
from mem1.runtime.tasks import held_out
from mem1.storage.run_dir import RunDir
from mem1.types import Composition, Task

Cells = Mapping[CellKey, Sequence[Task]]


def evaluate(
    runtime: Runtime,
    run: RunDir,
    cells: Cells,
    *,
    label: str,
    config: EvaluateConfig | None = None,
    version: int = 0,
    resume: bool,
) -> Evaluation:
    """All strategies of ``config`` (the recipe's own) on the tasks of all cells."""
    recipe = runtime.recipe
    config = config or recipe.evaluate
    if version and runtime.local is not None and runtime.local.sampler.policy_version != version:
        run_here(runtime.local.sampler.update_weights(version, SharedWeights()))  # loaded as they are by now
    memories, cap = compared(recipe, runtime.engine.tokenizer, config)
    parts = {
        name: replace(context(runtime, memory=one, temperature=config.temperature), cap=cap)
        for name, one in memories.items()
    }
    return run_here(
        run_evaluation(
            cells,
            parts,
            config,
            run=run,
            label=label,
            policy=PolicyInfo(model=recipe.model, version=version),
            resume=resume,
            equal_budget=cap,
            side_is_policy=recipe.side_model == recipe.model,
        )
    )


def untrained(recipe: Recipe) -> EvaluateConfig:
    """The evaluation before training: the trained strategy, on the horizons up to twice what is trained on."""
    own, limit = recipe.evaluate, 2 * recipe.tasks.objectives
    return own.model_copy(
        update={
            "strategies": (recipe.memory.type,),
            "horizons": tuple(n for n in own.horizons if n <= limit) or own.horizons[:1],
            "session_objectives": 0,
        }
    )


def views(runtime: Runtime, *, turns: int, episodes: int) -> list[dict[str, Any]]:
    """Training views compared on sampled episodes of up to ``turns`` turns, two an objective."""
    from mem1.train.rows.layouts import compare_views

    recipe, sources = runtime.recipe, runtime.world.sources
    tasks = held_out(recipe, sources, "test", Composition.SEQUENTIAL, max(1, turns // 2), episodes, recipe.seed)
    done = play(runtime, tasks, "views")
    RolloutHealthCheck(done).check("episodes to compare views on")
    rows = compare_views(runtime.trainable.policy.model, [episode for episode in done if not episode.failed])
    named = [asdict(row) for row in rows]
    if all(row["left_out"] is None for row in named):  # the usual case needs no column for it
        return [{key: value for key, value in row.items() if key != "left_out"} for row in named]
    return named


def compared(
    recipe: Recipe, tokenizer: Tokenizer, config: EvaluateConfig
) -> tuple[dict[str, MemoryConfig], int | None]:
    """The strategies to put side by side; with an equal budget sized to it, and the budget."""
    memories = recipe.compared
    chosen = {name: memories[name] for name in config.strategies}
    if config.equal_budget is None:
        return chosen, None
    if any(one.at(1) is not one for one in (recipe.memory, *chosen.values())):
        raise ConfigError(
            "one bound for all tasks, and sizes that grow with a task's objectives",
            where="evaluate.equal_budget, memory.each, memory.budgets.each",
            hint="leave one of them out",
        )
    cap = config.equal_budget
    if cap == "state":
        cap = memories["state"].build()(tokenizer).bound() or 0
    return {name: fitted(one, cap, tokenizer) for name, one in chosen.items()}, cap
