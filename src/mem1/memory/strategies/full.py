"""The strategy that forgets nothing: every turn is appended to the context."""

from __future__ import annotations

from typing import ClassVar, Literal

from mem1.memory.base import ParsedTurn, RenderedObservation
from mem1.memory.config import MemoryConfig
from mem1.memory.text.format import TurnFormat
from mem1.memory.turn_memory import TurnMemory
from mem1.types import Completion


class FullMemory(TurnMemory):
    """P, then all completions and observations in order. Has no bound."""

    name = "full"

    def __init__(self, turn: TurnFormat) -> None:
        super().__init__(turn)
        self._history: list[int] = []

    def forget(self) -> None:
        """Nothing was written yet."""
        self._history = []

    def wrote(self, completion: Completion, written: ParsedTurn) -> None:
        """Append it."""
        self._history.extend(completion.token_ids)

    def saw(self, shown: RenderedObservation) -> None:
        """Append it."""
        self._history.extend(shown.token_ids)

    def carried(self) -> tuple[int, ...]:
        """Everything so far."""
        return tuple(self._history)


class FullMemoryConfig(MemoryConfig):
    """Append everything."""

    rank: ClassVar[int] = 0

    type: Literal["full"] = "full"

    def make(self, turn: TurnFormat) -> FullMemory:
        """A memory without bound."""
        return FullMemory(turn)
