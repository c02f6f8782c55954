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

    def carried(self) -> tuple[int, ...]:
        """The newest ``window`` tokens."""
        return tuple(self._history[-self._window :])

    def bound(self) -> int:
        """``window + state_budget + action_budget``."""
        return self._window + self._turn.budgets.state + self._turn.budgets.action
