"""What an environment is: it decides the observation and the outcome, and nothing else."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from mem1.types import Action, Observation, Score, Task, ToolSpec


@runtime_checkable
class Environment(Protocol):
    """One episode's world (a fresh instance each)."""

    @property
    def task(self) -> Task:
        """The task being done."""

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """What can be used in it; ``step`` gets calls of nothing else, with arguments that fit."""

    @property
    def takes_answer(self) -> bool:
        """Whether ``Answer`` is an action here."""

    @property
    def max_turns(self) -> int:
        """Turns the agent gets."""

    @property
    def objective(self) -> int:
        """Index of the objective being worked on (0 for tasks revealed upfront)."""

    def reset(self) -> tuple[str, Observation | None]:
        """The task prompt P, and a first observation for tasks revealed one by one."""

    async def step(self, action: Action) -> Observation:
        """Do ``action``. A backend's failure raises ``BackendError``."""

    @property
    def answers(self) -> tuple[str | None, ...]:
        """The answers given so far, one per objective; ``None`` where none was given."""

    def score(self) -> Score:
        """Score the answers."""
