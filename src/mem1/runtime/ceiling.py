"""What the scripted expert scores on an evaluation's tasks: what their turns, budgets and corpus allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mem1.envs.qa import QaEnvConfig
from mem1.evaluation.records import CellKey
from mem1.event_loop import run_here
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.expert import Expert, enlist_all
from mem1.inference.scripted.pages import pages_under
from mem1.recipe import Recipe
from mem1.rollout.group import group_requests, run_requests
from mem1.runtime.build import Runtime
from mem1.runtime.play import context_of
from mem1.types import Episode, Task


def ceilings(runtime: Runtime, cells: Mapping[CellKey, Sequence[Task]]) -> list[dict[str, Any]]:
    """A row for each cell: exact match an objective, turns, largest page and action, and peak of the expert.

    It plays under the recipe's memory in the policy's tokens. Empty where the environment is not question answering by
    tags, which is all that the expert knows.
    """
    recipe = runtime.recipe
    env = recipe.env
    if not isinstance(env, QaEnvConfig) or env.action_form != "tags":
        return []
    return [_row(key.name, recipe.memory.type, _played(recipe, runtime, tasks)) for key, tasks in cells.items()]


def _played(recipe: Recipe, runtime: Runtime, tasks: Sequence[Task]) -> list[Episode]:
    tags = recipe.memory.tags
    expert = Expert(observation_tag=tags.opening(tags.observation), pages=pages_under(recipe.memory.type))
    requests = group_requests(tasks, 1, seed=recipe.seed, label="ceiling")
    enlist_all(expert, ((request.episode_id, request.task) for request in requests))
    parts = context_of(recipe, runtime.world.make_env, ScriptedEngine(expert, runtime.engine.tokenizer))
    return run_here(run_requests(requests, parts, concurrency=recipe.evaluate.concurrency))


def _row(name: str, memory: str, episodes: Sequence[Episode]) -> dict[str, Any]:
    scored = [(episode, episode.score) for episode in episodes if episode.score is not None]
    turns = [turn for episode, _ in scored for turn in episode.turns]
    known = [value for _, score in scored for value in score.known(score.main)]
    return {
        "tasks": name,
        "expert": memory,
        "n": len(scored),
        "per objective": sum(known) / len(known) if known else None,
        "turns": sum(len(episode.turns) for episode, _ in scored) / max(1, len(scored)),
        "longest page": max((turn.state_length for turn in turns), default=0),
        "longest action": max((len(turn.completion_token_ids) - turn.state_length for turn in turns), default=0),
        "peak without prompt": sum(episode.peak_without_prompt for episode, _ in scored) / max(1, len(scored)),
    }
