"""A memory policy of your own: keep the last turns whole, beside the strategies that come with the program.

    python examples/custom_memory.py

A memory policy decides what the next context holds, as token ids. ``TurnMemory`` has what all of them share: sections
with hard budgets, the border of state and action, observations neutralised and cut. The policy that writes here is the
expert that also writes the warm start's demonstrations: no model is needed.
"""

from __future__ import annotations

import asyncio
from collections import deque

from mem1.actions import ActionSpace, make_format
from mem1.actions.tools import SEARCH_AND_ANSWER
from mem1.envs.qa import QaEnvConfig
from mem1.inference.base import Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.scripted.expert import Expert
from mem1.inference.tokenizers.toy import WordTokenizer
from mem1.memory.base import MemoryFactory, ParsedTurn, RenderedObservation
from mem1.memory.strategies.full import FullMemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.format import Budgets, TurnFormat
from mem1.memory.text.tags import Tags
from mem1.memory.turn_memory import TurnMemory
from mem1.retrieval.bm25.config import Bm25Config
from mem1.rewards.standard import StandardScorer
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.tasks.compose import compose
from mem1.tasks.factbook.source import factbook_world
from mem1.types import Completion, Composition, Task

BUDGETS = Budgets(state=120, action=60, observation=400)
TURNS = 3


class LastTurns(TurnMemory):
    """P, then the last turns as they were sampled and shown (a ``Memory``; the class itself is its factory)."""

    name = "last-turns"

    def __init__(self, tokenizer: Tokenizer, space: ActionSpace = SEARCH_AND_ANSWER) -> None:
        super().__init__(TurnFormat(tokenizer, Tags(), BUDGETS, make_format(space)))

    def forget(self) -> None:
        """An episode begins."""
        self._kept: deque[tuple[int, ...]] = deque(maxlen=TURNS)
        self._written: tuple[int, ...] = ()

    def wrote(self, completion: Completion, written: ParsedTurn) -> None:
        """Take in what the policy wrote."""
        self._written = completion.token_ids

    def saw(self, shown: RenderedObservation) -> None:
        """Take in what came back. The oldest turn drops out."""
        self._kept.append(self._written + shown.token_ids)

    def carried(self) -> tuple[int, ...]:
        """What the next context holds. Ids only: what was sampled is never decoded and encoded again."""
        return tuple(token for turn in self._kept for token in turn)

    def bound(self) -> int:
        """What is kept and what is written, each at its budget."""
        written = BUDGETS.state + BUDGETS.action
        return TURNS * (written + BUDGETS.observation) + written


def peaks(make_memory: MemoryFactory, tasks: list[Task]) -> str:
    """Run the expert on ``tasks`` and say what it got right and what it cost."""
    expert, requests, world = Expert(), group_requests(tasks, 1, seed=0, label="memory"), factbook_world()
    for request in requests:
        expert.enlist(request.episode_id, request.task)
    env = QaEnvConfig(prompt="brief").build(Bm25Config().build(world.passages), StandardScorer())
    parts = RolloutContext(
        ScriptedEngine(expert), env, make_memory, temperature=0.0, reward=lambda score: score.total("em")
    )
    found = asyncio.run(run_requests(requests, parts, concurrency=8))
    return "  ".join(f"{e.task.size}: {e.reward:g} right, peak {e.peak_without_prompt}" for e in found)


def main() -> None:
    """Three memories on the same tasks."""
    world = factbook_world()
    tasks = [
        compose([world], composition=Composition.SEQUENTIAL, objectives=n, count=1, seed=0, split="test")[0]
        for n in (2, 8, 32)
    ]
    print(f"last-turns: proven bound {LastTurns(WordTokenizer()).bound()} tokens beside the prompt")
    state, full = StateMemoryConfig(budgets=BUDGETS).build(), FullMemoryConfig(budgets=BUDGETS).build()
    for name, make_memory in (("last-turns", LastTurns), ("state", state), ("full", full)):
        print(f"{name:10}  {peaks(make_memory, tasks)}")


if __name__ == "__main__":
    main()
