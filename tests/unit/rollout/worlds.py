"""A small environment and ready-made tasks for tests of the loop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from mem1.actions.tools import SEARCH
from mem1.inference.base import Engine
from mem1.memory.base import MemoryFactory
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.text.format import Budgets
from mem1.rollout.episode import RolloutContext, RolloutRequest
from mem1.types import Action, Answer, Composition, Objective, Observation, Score, Task, ToolSpec

BUDGETS = Budgets(state=20, action=12, observation=16)


def task(name: str = "t") -> Task:
    """One objective whose answer is ``Lima``."""
    objective = Objective(id=f"{name}-o", question="Capital of Peru?", answers=("Lima",), source="test")
    return Task(id=name, composition=Composition.PARALLEL, reveal="upfront", split="test", objectives=(objective,))


def request(name: str = "e", seed: int = 0) -> RolloutRequest:
    """A request whose group is named as it is."""
    return RolloutRequest(task=task(), episode_id=name, group_id=name, seed=seed)


@dataclass
class World:
    """Shows ``shown`` after every action, is over after the first answer; scores 1 for ``Lima``."""

    task: Task
    max_turns: int = 3
    shown: Callable[[Action], Observation] = lambda action: Observation(head="ok")
    first: Observation | None = None
    objective: int = 0
    answer: str | None = None
    actions: list[Action] = field(default_factory=list)
    tools: tuple[ToolSpec, ...] = (SEARCH,)
    takes_answer: bool = True

    def reset(self) -> tuple[str, Observation | None]:
        return "Capital of Peru?", self.first

    async def step(self, action: Action) -> Observation:
        self.actions.append(action)
        if isinstance(action, Answer):
            self.answer = action.text
            return Observation(head="", done=True)
        return self.shown(action)

    @property
    def answers(self) -> tuple[str | None, ...]:
        return (self.answer,)

    def score(self) -> Score:
        right = float(self.answer == "Lima")
        return Score(metrics={"em": (right,), "f1": (right,)}, answered=(self.answer is not None,), scorer="test")


def parts(
    engine: Engine,
    make_env: Callable[[Task], World] = World,
    memory: MemoryFactory | None = None,
) -> RolloutContext:
    """RolloutContext with the ``state`` memory and a reward of twice the score."""
    return RolloutContext(
        engine=engine,
        make_env=make_env,
        make_memory=memory if memory is not None else StateMemoryConfig(budgets=BUDGETS).build(),
        temperature=1.0,
        reward=lambda score: 2 * score.total("em"),
    )
