"""An environment around another: what changes or records something of it overrides the method that does."""

from __future__ import annotations

from mem1.envs.base import Environment
from mem1.types import Action, Observation, Score, Task, ToolSpec


class Around:
    """An ``Environment`` that passes everything on to ``inner``."""

    def __init__(self, inner: Environment) -> None:
        self._inner = inner

    @property
    def task(self) -> Task:
        return self._inner.task

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        return self._inner.tools

    @property
    def takes_answer(self) -> bool:
        return self._inner.takes_answer

    @property
    def max_turns(self) -> int:
        return self._inner.max_turns

    @property
    def objective(self) -> int:
        return self._inner.objective

    @property
    def answers(self) -> tuple[str | None, ...]:
        return self._inner.answers

    def reset(self) -> tuple[str, Observation | None]:
        return self._inner.reset()

    async def step(self, action: Action) -> Observation:
        return await self._inner.step(action)

    def score(self) -> Score:
        return self._inner.score()
