"""The strategy that forgets nothing: every turn is appended to the context."""

from __future__ import annotations

from typing import ClassVar, Literal

from mem1.inference.base import Section
from mem1.memory.base import ParsedTurn, RenderedObservation, SelfContained
from mem1.memory.config import MemoryConfig
from mem1.memory.text.format import TurnFormat
from mem1.memory.text.tags import Tags
from mem1.types import Completion, Observation


class FullMemory(SelfContained):
    """P, then all completions and observations in order. Has no bound."""

    name = "full"

    def __init__(self, turn: TurnFormat) -> None:
        self._turn = turn
        self.tags: Tags = turn.tags
        self._prefix_length = 0
        self._ids: list[int] = []

    @property
    def prefix_length(self) -> int:
        """|P| in tokens."""
        return self._prefix_length

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin with the task prompt and, if there is one, a first observation."""
        self._ids = self._turn.tokenizer.encode(prompt)
        self._prefix_length = len(self._ids)
        if observation is not None:
            self.observe(observation)

    def context(self) -> tuple[int, ...]:
        """Everything so far."""
        return tuple(self._ids)

    def sections(self) -> tuple[Section, ...]:
        """State, then action."""
        return self._turn.sections

    def read(self, completion: Completion) -> ParsedTurn:
        """Append what was written."""
        self._ids.extend(completion.token_ids)
        return self._turn.split(completion)

    def observe(self, observation: Observation) -> RenderedObservation:
        """Append what came back."""
        shown = self._turn.show(observation)
        self._ids.extend(shown.token_ids)
        return shown

    def bound(self) -> int | None:
        """``None``: the context grows with every turn."""
        return None


class FullMemoryConfig(MemoryConfig):
    """Append everything."""

    rank: ClassVar[int] = 0

    type: Literal["full"] = "full"

    def make(self, turn: TurnFormat) -> FullMemory:
        """A memory without bound."""
        return FullMemory(turn)
