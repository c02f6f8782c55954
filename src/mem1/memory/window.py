"""The strategy that forgets by age: only the newest tokens of the history stay."""

from __future__ import annotations

from mem1.memory.full import FullMemory
from mem1.memory.text.format import TurnFormat


class WindowMemory(FullMemory):
    """P, then the last ``window`` tokens of what ``full`` would show, wherever that cuts."""

    name = "window"

    def __init__(self, turn: TurnFormat, window: int) -> None:
        super().__init__(turn)
        self._window = window

    def context(self) -> tuple[int, ...]:
        """The prompt and the newest ``window`` tokens after it."""
        start = max(self._prefix_length, len(self._ids) - self._window)
        return (*self._ids[: self._prefix_length], *self._ids[start:])

    def bound(self) -> int:
        """``window + state_budget + action_budget``."""
        return self._window + self._turn.budgets.state + self._turn.budgets.action
