"""Episodes of a recipe: its parts put together for the episode loop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mem1.event_loop import run_here
from mem1.inference.base import Engine, Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.expert import Expert
from mem1.inference.scripted.pages import pages_under
from mem1.memory.config import MemoryConfig
from mem1.progress import reporter
from mem1.recipe import Recipe
from mem1.rollout.episode import RolloutContext, RolloutRequest
from mem1.rollout.group import group_requests, run_requests
from mem1.rollout.reward import reward_of
from mem1.runtime.build import Runtime
from mem1.runtime.world import EnvMaker
from mem1.types import Episode, Task


def context(runtime: Runtime, *, memory: MemoryConfig | None = None, temperature: float = 1.0) -> RolloutContext:
    """What the episode loop needs, with the recipe's memory policy or another."""
    return context_of(
        runtime.recipe,
        runtime.world.make_env,
        runtime.engine,
        side_engine=runtime.side_engine,
        memory=memory,
        temperature=temperature,
    )


def context_of(
    recipe: Recipe,
    make_env: EnvMaker,
    engine: Engine,
    *,
    side_engine: Engine | None = None,
    memory: MemoryConfig | None = None,
    temperature: float = 1.0,
) -> RolloutContext:
    """The same over an engine that need not be the recipe's."""
    return RolloutContext(
        engine=engine,
        make_env=make_env,
        make_memory=(memory or recipe.memory).build(),
        temperature=temperature,
        reward=reward_of(recipe.reward),
        form=recipe.env.action_form,
        side_engine=side_engine,
        scoring_waits=recipe.scorer.waits,
    )


def scripted_expert(
    requests: Iterable[RolloutRequest], memory: MemoryConfig, tokenizer: Tokenizer, *, window: int = 1_000_000
) -> ScriptedEngine:
    """An engine that does ``requests`` under ``memory`` as the scripted expert does, in a context of ``window``."""
    expert = Expert(observation_tag=memory.tags.opening(memory.tags.observation), pages=pages_under(memory))
    for request in requests:
        expert.enlist(request.episode_id, request.task)
    return ScriptedEngine(expert, tokenizer, window)


async def played(
    runtime: Runtime, tasks: Sequence[Task], label: str, *, size: int = 1, temperature: float = 1.0
) -> list[Episode]:
    """``size`` episodes of each task under the trained memory policy."""
    requests = group_requests(tasks, size, seed=runtime.recipe.seed, label=label)
    parts = context(runtime, temperature=temperature)
    with reporter().work("episodes", len(requests)) as work:
        return await run_requests(
            requests, parts, concurrency=runtime.recipe.writer.slots, on_episode=lambda episode: work.advance()
        )


def play(
    runtime: Runtime, tasks: Sequence[Task], label: str, *, size: int = 1, temperature: float = 1.0
) -> list[Episode]:
    """``played``, on the command's event loop."""
    return run_here(played(runtime, tasks, label, size=size, temperature=temperature))
