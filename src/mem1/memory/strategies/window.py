"""The strategy that forgets by age: only the newest tokens of the history stay."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

from pydantic import Field

from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.full import FullMemory
from mem1.memory.text.format import TurnFormat


class WindowMemory(FullMemory):
    """P, then the last ``window`` tokens of what ``full`` would show, wherever that cuts."""

    name = "window"

    def __init__(self, turn: TurnFormat, window: int) -> None:
        super().__init__(turn)
        self._window = window

    def carried(self) -> tuple[int, ...]:
        """The newest ``window`` tokens."""
        return tuple(self._history[-self._window :])

    def bound(self) -> int:
        """``window + state_budget + action_budget``."""
        return self._window + self._turn.budgets.state + self._turn.budgets.action


class WindowMemoryConfig(MemoryConfig):
    """Keep the last ``window`` tokens of the history, ``each`` more for each objective of the task."""

    rank: ClassVar[int] = 1

    type: Literal["window"] = "window"
    window: int = Field(default=2000, gt=0)
    each: int = Field(default=0, ge=0)

    def make(self, turn: TurnFormat) -> WindowMemory:
        """A memory of the newest tokens."""
        return WindowMemory(turn, self.window)

    def at(self, objectives: int) -> Self:
        """With the window that a task of so many objectives has."""
        grown = super().at(objectives)
        return grown._with(window=self.window + self.each * objectives, each=0) if self.each else grown

    def sized(self, tokens: int) -> Self:
        """With another window."""
        return self._with(window=tokens)
