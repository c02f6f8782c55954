"""What the scripted expert scores on an evaluation's tasks: what their turns, budgets and corpus allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from mem1.envs.qa import QaEnvConfig
from mem1.evaluation.config import EvaluateConfig
from mem1.evaluation.findings.failures import failures
from mem1.evaluation.records import Ceiling, CellKey
from mem1.evaluation.remembering.floor import needing_nothing
from mem1.evaluation.remembering.pages import Text, page_tokens
from mem1.evaluation.remembering.survival import survival
from mem1.event_loop import run_here
from mem1.inference.scripted.pages import works_under
from mem1.memory.config import MemoryConfig, for_size
from mem1.recipe import Recipe
from mem1.rollout.group import group_requests, run_requests
from mem1.runtime.build import Runtime
from mem1.runtime.evaluate import compared
from mem1.runtime.play import context_of, scripted_expert
from mem1.types import Episode, Task


def ceilings(
    runtime: Runtime, cells: Mapping[CellKey, Sequence[Task]], config: EvaluateConfig | None = None
) -> tuple[Ceiling, ...]:
    """Of each cell what the expert reached under each strategy of ``config`` (the recipe's own): its score an
    objective, what of it needs nothing kept, turns, largest page and action, peak, and the memory's bound on it.

    It plays in the policy's tokens and context. Empty where the environment is not question answering by tags, which is
    all that the expert knows; without the strategies that ask in side calls what it does not (``works_under``).
    """
    recipe, engine = runtime.recipe, runtime.engine
    env = recipe.env
    if not isinstance(env, QaEnvConfig) or env.action_form != "tags":
        return ()
    memories, cap = compared(recipe, engine.tokenizer, config or recipe.evaluate)
    return tuple(
        _ceiling(
            key,
            name,
            played(recipe, runtime, tasks, memory=memory, cap=cap),
            text=engine.tokenizer.decode,
            bound=for_size(memory.build(), key.objectives)(engine.tokenizer).bound(),
        )
        for key, tasks in cells.items()
        for name, memory in memories.items()
        if works_under(memory)
    )


def played(
    recipe: Recipe,
    runtime: Runtime,
    tasks: Sequence[Task],
    *,
    memory: MemoryConfig | None = None,
    cap: int | None = None,
) -> list[Episode]:
    """An episode of the expert's on each of ``tasks``, under ``memory`` (the recipe's) in contexts of at most ``cap``
    tokens beside the prompt."""
    memory = memory or recipe.memory
    requests = group_requests(tasks, 1, seed=recipe.seed, label="ceiling")
    engine = scripted_expert(requests, memory, runtime.engine.tokenizer, window=runtime.engine.max_context)
    parts = replace(context_of(recipe, runtime.world.make_env, engine, memory=memory), cap=cap)
    return run_here(run_requests(requests, parts, concurrency=recipe.evaluate.concurrency))


def _ceiling(key: CellKey, memory: str, episodes: Sequence[Episode], *, text: Text, bound: int | None) -> Ceiling:
    scored = [(episode, episode.score) for episode in episodes if episode.score is not None]
    turns = [turn for episode, _ in scored for turn in episode.turns]
    count = max(1, len(scored))
    return Ceiling(
        composition=key.composition,
        objectives=key.objectives,
        session=key.session,
        memory=memory,
        n=len(scored),
        failures=failures(episodes),
        per_objective=_mean([value for _, score in scored for value in score.known(score.main)]),
        floor=_mean([value for one, _ in scored for value in needing_nothing(one, survival(one, text))]),
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
