"""Configuration of the memory policies: one class each, told apart by ``type``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from mem1.config import Config
from mem1.memory.base import MemoryFactory
from mem1.memory.format import Budgets, TurnFormat
from mem1.memory.full import FullMemory
from mem1.memory.state import Block, StateMemory
from mem1.memory.tags import Tags
from mem1.memory.window import WindowMemory


class _MemoryConfig(Config):
    tags: Tags = Tags()
    budgets: Budgets = Budgets()


class FullMemoryConfig(_MemoryConfig):
    """Append everything."""

    type: Literal["full"] = "full"

    def build(self) -> MemoryFactory:
        """A factory of ``FullMemory``."""
        return lambda tokenizer: FullMemory(TurnFormat(tokenizer, self.tags, self.budgets))


class WindowMemoryConfig(_MemoryConfig):
    """Keep the last ``window`` tokens of the history."""

    type: Literal["window"] = "window"
    window: int = Field(default=2000, gt=0)

    def build(self) -> MemoryFactory:
        """A factory of ``WindowMemory``."""
        return lambda tokenizer: WindowMemory(TurnFormat(tokenizer, self.tags, self.budgets), self.window)


class StateMemoryConfig(_MemoryConfig):
    """MEM1: keep the last turn only. ``carry`` names the blocks of it that the next context holds."""

    type: Literal["state"] = "state"
    carry: tuple[Block, ...] = ("state", "action", "observation")

    @field_validator("carry")
    @classmethod
    def _sees(cls, carry: tuple[Block, ...]) -> tuple[Block, ...]:
        if "observation" not in carry:
            raise ValueError("without 'observation' the policy would never see what its actions bring")
        return carry

    def build(self) -> MemoryFactory:
        """A factory of ``StateMemory``."""
        return lambda tokenizer: StateMemory(TurnFormat(tokenizer, self.tags, self.budgets), self.carry)


MemoryConfig = Annotated[FullMemoryConfig | WindowMemoryConfig | StateMemoryConfig, Field(discriminator="type")]
