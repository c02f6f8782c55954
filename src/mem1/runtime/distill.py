"""Demonstrations of a recipe's tasks, from a teacher."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mem1.errors import ConfigError
from mem1.event_loop import run_here
from mem1.imports import find
from mem1.inference.base import Engine, Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.recipe import Recipe
from mem1.rollout.distillation.collect import TEACHER, Teacher
from mem1.rollout.distillation.collect import distill as collect
from mem1.rollout.distillation.progress import distill_bar
from mem1.rollout.episode import RolloutContext, RolloutRequest
from mem1.rollout.group import group_requests
from mem1.runtime.build import build, build_world, texts
from mem1.runtime.models import build_side_engine, build_tokenizer, seed
from mem1.runtime.play import context, context_of, scripted_expert
from mem1.runtime.tasks import train_tasks
from mem1.storage.distillation import Distillation
from mem1.storage.run_dir import RunDir
from mem1.types import Task


@dataclass(frozen=True, slots=True)
class Assignment:
    """A teacher and the episodes that it is to play."""

    teacher: Teacher
    requests: Sequence[RolloutRequest]

    @property
    def engine(self) -> Engine:
        """What writes."""
        return self.teacher.parts.engine


def assignment(recipe: Recipe) -> Assignment:
    """Who demonstrates what: the recipe's model, or the scripted expert in its tokens, on the recipe's tasks."""
    if recipe.distill.people is not None:
        return _people(recipe, recipe.distill.people)
    if recipe.distill.teacher == "expert":
        return _experts(recipe)
    runtime = build(recipe)
    requests = _requests(recipe, train_tasks(recipe, runtime.world.sources))
    name = f"{dict(recipe.writer).get('model', recipe.model)} ({recipe.writer.type})"
    return Assignment(_teacher(recipe, name, context(runtime), runtime.engine.tokenizer), requests)


def distill(recipe: Recipe, run: RunDir, given: Assignment, console: Console) -> Distillation:
    """Demonstrations of the recipe's tasks by the teacher."""
    with distill_bar(len(given.requests), console) as tell:
        return run_here(collect(list(given.requests), given.teacher, recipe.distill, run, on_episode=tell))


def _experts(recipe: Recipe) -> Assignment:
    """The scripted expert needs the model's tokenizer, and no weights."""
    seed(recipe)
    world = build_world(recipe)
    tokenizer = build_tokenizer(recipe, texts(recipe, world))
    requests = _requests(recipe, train_tasks(recipe, world.sources))
    engine = scripted_expert(requests, recipe.memory, tokenizer)
    parts = context_of(recipe, world.make_env, engine, side_engine=build_side_engine(recipe))
    return Assignment(_teacher(recipe, "expert", parts, tokenizer), requests)


def _people(recipe: Recipe, log: Path) -> Assignment:
    """What people did, in the model's tokens: each session of the log is an episode."""
    reader = recipe.env.people
    if reader is None or recipe.env.action_form != "tags":
        raise ConfigError(
            f"env.type = {recipe.env.type!r} with actions as {recipe.env.action_form} reads no log of people",
            where="distill.people",
            hint='use env.type = "webshop" with form = "tags"',
        )
    seed(recipe)
    world = build_world(recipe)
    tasks, follower = find(reader, where="env.type")(log, world.sources)
    requests = [
        RolloutRequest(task=task, episode_id=f"{TEACHER}-{number}", group_id=f"{TEACHER}-{number}", seed=0)
        for number, task in enumerate(tasks)
    ]
    for number, request in enumerate(requests):
        follower.enlist(request.episode_id, number)
    tokenizer = build_tokenizer(recipe, texts(recipe, world))
    parts = context_of(recipe, world.make_env, ScriptedEngine(follower, tokenizer))
    return Assignment(_teacher(recipe, f"people ({log.name})", parts, tokenizer), requests)


def _requests(recipe: Recipe, tasks: Sequence[Task]) -> list[RolloutRequest]:
    return group_requests(tasks, recipe.distill.samples, seed=recipe.seed, label=TEACHER)


def _teacher(recipe: Recipe, name: str, parts: RolloutContext, tokenizer: Tokenizer) -> Teacher:
    return Teacher(
        name=name,
        parts=parts,
        strategy=recipe.memory.type,
        tokenizer=getattr(tokenizer, "fingerprint", None),
        tags=recipe.memory.tags.model_dump(exclude_none=True),
    )
