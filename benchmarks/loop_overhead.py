"""What the episode loop itself costs: turns a second with a scripted policy and a retriever that costs nothing.

Everything else is real: parsing, memory with its budgets and neutralised observations, question answering, scoring,
records, many episodes in flight. Aim: at least 2,000 turns a second for `state`, so that a model is always what waits.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence

from mem1.envs.qa import QaEnvConfig
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.memory.base import MemoryFactory
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.retrieval.base import Hit, Passage
from mem1.rewards.standard import StandardScorer
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.types import Composition, Objective, Task

PASSAGE = "The capital lies on the coast and has been the seat of the government for two hundred years. " * 3
HITS = [
    Hit(passage=Passage(id=str(number), title=f"Country {number}", text=PASSAGE), score=1.0 / (number + 1))
    for number in range(3)
]


class FixedRetriever:
    """Finds the same three passages whatever is asked."""

    async def search(self, queries: Sequence[str], top_k: int) -> list[list[Hit]]:
        """``top_k`` of the fixed passages for each query."""
        return [HITS[:top_k] for _ in queries]


def write(session: str, context: str) -> str:
    """Search for each question once, then answer it."""
    if context.rfind("Question:") > context.rfind("Doc 1"):
        return "<think>the capital is not known yet</think><search>capital of this country</search>"
    return "<think>it lies on the coast</think><answer>Lima</answer>"


def task(size: int) -> Task:
    """A sequential task of ``size`` objectives."""
    objectives = tuple(
        Objective(id=str(i), question=f"What is the capital of country {i}?", answers=("Lima",), source="fixed")
        for i in range(size)
    )
    return Task(
        id=f"t{size}", composition=Composition.SEQUENTIAL, reveal="one_by_one", split="test", objectives=objectives
    )


def turns_per_second(make_memory: MemoryFactory, *, objectives: int, episodes: int) -> float:
    """Turns a second over ``episodes`` episodes, 16 in flight."""
    parts = RolloutContext(
        engine=ScriptedEngine(write),
        make_env=QaEnvConfig(prompt="brief").build(FixedRetriever(), StandardScorer()),
        make_memory=make_memory,
        temperature=1.0,
        reward=lambda score: score.total("em"),
    )
    requests = group_requests([task(objectives)], episodes, seed=0, label="bench")
    began = time.perf_counter()
    done = asyncio.run(run_requests(requests, parts, concurrency=16))
    seconds = time.perf_counter() - began
    assert all(episode.reward == objectives for episode in done), "the script answers every question"
    return sum(len(episode.turns) for episode in done) / seconds


def run(quick: bool) -> dict[str, float | str]:
    """Turns a second with `state` and, since its contexts grow, with `full` on shorter episodes."""
    episodes = 32 if quick else 128
    return {
        "state, 16 objectives, turns/s": turns_per_second(
            StateMemoryConfig().build(), objectives=16, episodes=episodes
        ),
        "full, 4 objectives, turns/s": turns_per_second(FullMemoryConfig().build(), objectives=4, episodes=episodes),
        "aim": "at least 2,000 turns/s with state",
    }


if __name__ == "__main__":
    print(run(quick="--quick" in sys.argv))
