"""Configuration of the memory policies: one class each, told apart by ``type``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, field_validator

from mem1.config import Config
from mem1.inference.base import Tokenizer
from mem1.memory.base import Memory, MemoryFactory
from mem1.memory.format import Budgets, TurnFormat
from mem1.memory.full import FullMemory
from mem1.memory.state import Block, StateMemory
from mem1.memory.tags import Tags
from mem1.memory.window import WindowMemory


@dataclass(slots=True)
class _Factory:
    """Makes memories that share one ``TurnFormat``, which has no state of its own, per tokenizer in use."""

    tags: Tags
    budgets: Budgets
    make: Callable[[TurnFormat], Memory]
    turn: TurnFormat | None = None

    def __call__(self, tokenizer: Tokenizer) -> Memory:
        if self.turn is None or self.turn.tokenizer is not tokenizer:
            self.turn = TurnFormat(tokenizer, self.tags, self.budgets)
        return self.make(self.turn)


class _MemoryConfig(Config):
    tags: Tags = Tags()
    budgets: Budgets = Budgets()


class FullMemoryConfig(_MemoryConfig):
    """Append everything."""

    type: Literal["full"] = "full"

    def build(self) -> MemoryFactory:
        """A factory of ``FullMemory``."""
        return _Factory(self.tags, self.budgets, FullMemory)


class WindowMemoryConfig(_MemoryConfig):
    """Keep the last ``window`` tokens of the history."""

    type: Literal["window"] = "window"
    window: int = Field(default=2000, gt=0)

    def build(self) -> MemoryFactory:
        """A factory of ``WindowMemory``."""
        return _Factory(self.tags, self.budgets, lambda turn: WindowMemory(turn, self.window))


class StateMemoryConfig(_MemoryConfig):
    """MEM1: keep the last turn only. ``carry`` names the blocks of it that the next context holds.

    ``scratch`` is the tag of a block at the head of the state that is not carried, for policies that think first and
    then write their page: ``tags = { state = "summary" }, scratch = "think"``.
    """

    type: Literal["state"] = "state"
    carry: tuple[Block, ...] = ("state", "action", "observation")
    scratch: str | None = None

    @field_validator("carry")
    @classmethod
    def _sees(cls, carry: tuple[Block, ...]) -> tuple[Block, ...]:
        if "observation" not in carry:
            raise ValueError("without 'observation' the policy would never see what its actions bring")
        return carry

    def build(self) -> MemoryFactory:
        """A factory of ``StateMemory``."""
        return _Factory(self.tags, self.budgets, lambda turn: StateMemory(turn, self.carry, self.scratch))


MemoryConfig = Annotated[FullMemoryConfig | WindowMemoryConfig | StateMemoryConfig, Field(discriminator="type")]
