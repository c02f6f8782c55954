"""Settings of ``mem1 run``."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from mem1.config import Config
from mem1.inference.config import EngineConfig
from mem1.memory.config import MemoryConfig
from mem1.registry import by_default
from mem1.tools.config import ToolsConfig

Count = Annotated[int, Field(ge=1)]
Amount = Annotated[float, Field(gt=0)]
LEAST_OBSERVATION = 128


class LimitsConfig(Config):
    """What one task may use. ``tokens``: read and written; ``cost``: in the currency of ``engine.prices``.

    None is exceeded: a turn that could go beyond is not taken. ``patience``: seconds for which an engine that fails is
    asked again.
    """

    turns: Count = 100
    tokens: Count | None = None
    cost: Amount | None = None
    patience: Annotated[float, Field(ge=0)] = 600.0


class RunConfig(Config):
    """An agent for tasks of one's own: who writes, what it remembers, what it can use, and how far it may go.

    ``model``: the server's name of it, or a folder. ``form``: how actions are written; ``"auto"``: as tags where every
    tool can be, else as JSON. ``at_once``: tasks at the same time. ``told``: tokens for describing tools in the prompt;
    those that have no room are found with ``find_tools``.
    """

    model: str = "default"
    engine: EngineConfig
    memory: MemoryConfig = by_default("memory", "state")
    tools: ToolsConfig = ToolsConfig()
    limits: LimitsConfig = LimitsConfig()
    form: Literal["auto", "tags", "json"] = "auto"
    temperature: Annotated[float, Field(ge=0)] = 0.0
    seed: int = 0
    at_once: Count = 1
    told: Annotated[int, Field(ge=0)] = 1500

    @field_validator("memory", mode="before")
    @classmethod
    def _is_a_state(cls, memory: object) -> object:
        """Budgets alone are those of the page."""
        return {"type": "state", **memory} if isinstance(memory, dict) else memory

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.memory.tools:
            raise ValueError(
                f"memory.type {self.memory.type!r} brings tools of its own; a session offers recall itself: use 'state'"
            )
        if self.memory.budgets.observation < LEAST_OBSERVATION:
            raise ValueError(
                f"memory.budgets.observation must be at least {LEAST_OBSERVATION}: results must be readable"
            )
        if self.memory.at(1) is not self.memory:
            raise ValueError(
                "memory.each and memory.budgets.each are for each objective, and a task of your own has none: "
                "leave them out"
            )
        if self.limits.cost is not None and getattr(self.engine, "prices", None) is None:
            raise ValueError("limits.cost needs engine.prices: what a million tokens cost")
        return self
