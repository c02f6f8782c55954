"""What the configurations of all memories have in common: the kind of part that a recipe calls ``memory``.

Each memory policy is a file of ``strategies/``, called as its ``type``, that holds the policy and its configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from mem1.actions import ActionSpace, make_format
from mem1.actions.tools import SEARCH_AND_ANSWER
from mem1.inference.base import Tokenizer
from mem1.memory.base import Memory, MemoryFactory
from mem1.memory.text.format import Budgets, TurnFormat
from mem1.memory.text.tags import Tags
from mem1.registry import Kind, Part
from mem1.types import ToolSpec


class MemoryConfig(Part):
    """Any memory policy, told apart by ``type``; a policy's own configuration says how it is made (``make``).

    ``rank`` is its place among the others where all are shown. ``tools`` are those that the memory answers itself.
    """

    part_kind: ClassVar[Kind] = "memory"
    rank: ClassVar[int] = 100
    tools: ClassVar[tuple[ToolSpec, ...]] = ()

    tags: Tags = Tags()
    budgets: Budgets = Budgets()

    @property
    def side_tokens(self) -> int:
        """Most tokens that a side call writes; 0 where the memory makes none."""
        return 0

    def place(self) -> tuple[int, str]:
        """Where it stands among the others."""
        return self.rank, self.type

    def make(self, turn: TurnFormat) -> Memory:
        """A memory that has seen nothing, over the common form of a turn."""
        raise NotImplementedError(f"{type(self).__name__} does not say how its memory is made: define make")

    def build(self) -> MemoryFactory:
        """A factory of memories. Raises ``ConfigError`` where a budget has no room for what it must hold."""
        return _Factory(self)

    def at(self, objectives: int) -> Self:
        """What it is in a task of so many objectives: itself, unless something grows with them."""
        budgets = self.budgets.at(objectives)
        return self if budgets is self.budgets else self._with(budgets=budgets)

    def sized(self, tokens: int) -> Self:
        """The same with ``tokens`` for what it remembers: the size that grows until a bound is reached.

        Needed where ``bound`` is not ``None``; this one changes nothing.
        """
        return self

    def _with(self, **changes: Any) -> Self:
        return self.model_copy(update=changes)

    def _with_page(self, tokens: int) -> Self:
        return self._with(budgets=self.budgets.model_copy(update={"state": tokens}))


@dataclass(slots=True)
class _Factory:
    """Makes memories that share one ``TurnFormat``, which has no state of its own, per tokenizer and actions in use."""

    config: MemoryConfig
    space: ActionSpace | None = None
    turn: TurnFormat | None = None
    of_size: dict[int, _Factory] = field(default_factory=dict)

    def __call__(self, tokenizer: Tokenizer, space: ActionSpace = SEARCH_AND_ANSWER) -> Memory:
        if self.turn is None or self.turn.tokenizer is not tokenizer or self.space != space:
            config = self.config
            actions = make_format(space.with_own(*config.tools), config.tags.actions)
            self.turn, self.space = TurnFormat(tokenizer, config.tags, config.budgets, actions), space
        return self.config.make(self.turn)

    def for_size(self, objectives: int) -> MemoryFactory:
        """The factory for tasks of so many objectives: itself, unless its memory grows with them."""
        config = self.config.at(objectives)
        if config is self.config:
            return self
        return self.of_size.setdefault(objectives, _Factory(config))


def for_size(factory: MemoryFactory, objectives: int) -> MemoryFactory:
    """What makes the memories of tasks of so many objectives; ``factory`` where it makes the same for all."""
    sized: Callable[[int], MemoryFactory] | None = getattr(factory, "for_size", None)
    return factory if sized is None else sized(objectives)
