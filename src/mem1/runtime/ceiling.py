"""What the scripted expert scores on an evaluation's tasks: what their turns, budgets and corpus allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mem1.envs.qa import QaEnvConfig
from mem1.evaluation.records import Ceiling, CellKey
from mem1.evaluation.remembering.pages import page_tokens
from mem1.event_loop import run_here
from mem1.memory.config import for_size
from mem1.recipe import Recipe
from mem1.rollout.group import group_requests, run_requests
from mem1.runtime.build import Runtime
from mem1.runtime.play import context_of, scripted_expert
from mem1.types import Episode, Task


def ceilings(runtime: Runtime, cells: Mapping[CellKey, Sequence[Task]]) -> tuple[Ceiling, ...]:
    """Of each cell what the expert reached: its score an objective, turns, largest page and action, peak,
    and the memory's bound on it.

    It plays under the recipe's memory in the policy's tokens. Empty where the environment is not question answering by
    tags, which is all that the expert knows.
    """
    recipe = runtime.recipe
    env = recipe.env
    if not isinstance(env, QaEnvConfig) or env.action_form != "tags":
        return ()
    factory, tokenizer = recipe.memory.build(), runtime.engine.tokenizer
    return tuple(
        _ceiling(
            key,
            recipe.memory.type,
            played(recipe, runtime, tasks),
            bound=for_size(factory, key.objectives)(tokenizer).bound(),
        )
        for key, tasks in cells.items()
    )


def played(recipe: Recipe, runtime: Runtime, tasks: Sequence[Task]) -> list[Episode]:
    """An episode of the expert's on each of ``tasks``."""
    requests = group_requests(tasks, 1, seed=recipe.seed, label="ceiling")
    engine = scripted_expert(requests, recipe.memory, runtime.engine.tokenizer)
    parts = context_of(recipe, runtime.world.make_env, engine)
    return run_here(run_requests(requests, parts, concurrency=recipe.evaluate.concurrency))


def _ceiling(key: CellKey, memory: str, episodes: Sequence[Episode], *, bound: int | None) -> Ceiling:
    scored = [(episode, episode.score) for episode in episodes if episode.score is not None]
    turns = [turn for episode, _ in scored for turn in episode.turns]
    count = max(1, len(scored))
    return Ceiling(
        composition=key.composition,
        objectives=key.objectives,
        session=key.session,
        memory=memory,
        n=len(scored),
        per_objective=_mean([value for _, score in scored for value in score.known(score.main)]),
        turns=sum(len(episode.turns) for episode, _ in scored) / count,
        longest_page=max((turn.state_length for turn in turns), default=0),
        longest_action=max((len(turn.completion_token_ids) - turn.state_length for turn in turns), default=0),
        peak_without_prompt=sum(episode.peak_without_prompt for episode, _ in scored) / count,
        page_per_objective=_mean([page_tokens(episode) / episode.task.size for episode, _ in scored]),
        bound=bound,
    )


def _mean(values: Sequence[float]) -> float | None:
    """The mean; ``None`` of nothing."""
    return sum(values) / len(values) if values else None
