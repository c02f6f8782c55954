"""Configuration of the memory policies: one class each, told apart by ``type``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, Literal, Self

from pydantic import Field, field_validator

from mem1.actions import ActionSpace, make_format
from mem1.actions.tools import SEARCH_AND_ANSWER
from mem1.config import Config
from mem1.errors import ConfigError
from mem1.inference.base import Tokenizer
from mem1.memory.base import Memory, MemoryFactory
from mem1.memory.full import FullMemory
from mem1.memory.index import Embed, EmbeddingIndex, Index, LexicalIndex
from mem1.memory.notes import INSTRUCTION as NOTE_INSTRUCTION
from mem1.memory.notes import NotesMemory, NotesSettings
from mem1.memory.recall import INSTRUCTION as RECALL_INSTRUCTION
from mem1.memory.recall import RECALL, RecallMemory, RecallSettings
from mem1.memory.state import Block, StateMemory
from mem1.memory.summary import INSTRUCTION as SUMMARY_INSTRUCTION
from mem1.memory.summary import SummaryMemory, SummarySettings
from mem1.memory.text.format import Budgets, TurnFormat
from mem1.memory.text.tags import Tags
from mem1.memory.window import WindowMemory
from mem1.types import ToolSpec

CARRY: tuple[Block, ...] = ("state", "action", "observation")


@dataclass(slots=True)
class _Factory:
    """Makes memories that share one ``TurnFormat``, which has no state of its own, per tokenizer and actions in use.

    ``tools``: those that the memory adds to what the environment offers.
    """

    tags: Tags
    budgets: Budgets
    make: Callable[[TurnFormat], Memory]
    tools: tuple[ToolSpec, ...] = ()
    space: ActionSpace | None = None
    turn: TurnFormat | None = None

    def __call__(self, tokenizer: Tokenizer, space: ActionSpace = SEARCH_AND_ANSWER) -> Memory:
        if self.turn is None or self.turn.tokenizer is not tokenizer or self.space != space:
            actions = make_format(space.with_own(*self.tools), self.tags.actions)
            self.turn, self.space = TurnFormat(tokenizer, self.tags, self.budgets, actions), space
        return self.make(self.turn)


class _MemoryConfig(Config):
    tags: Tags = Tags()
    budgets: Budgets = Budgets()

    def sized(self, tokens: int) -> Self:
        """The same with ``tokens`` for what it remembers: the size that grows until a bound is reached."""
        raise NotImplementedError

    def _with(self, **changes: Any) -> Self:
        return self.model_copy(update=changes)

    def _with_page(self, tokens: int) -> Self:
        return self._with(budgets=self.budgets.model_copy(update={"state": tokens}))


class FullMemoryConfig(_MemoryConfig):
    """Append everything."""

    type: Literal["full"] = "full"

    def build(self) -> MemoryFactory:
        """A factory of ``FullMemory``."""
        return _Factory(self.tags, self.budgets, FullMemory)

    def sized(self, tokens: int) -> Self:
        """Itself: it remembers everything and has no bound."""
        return self


class WindowMemoryConfig(_MemoryConfig):
    """Keep the last ``window`` tokens of the history."""

    type: Literal["window"] = "window"
    window: int = Field(default=2000, gt=0)

    def build(self) -> MemoryFactory:
        """A factory of ``WindowMemory``."""
        return _Factory(self.tags, self.budgets, lambda turn: WindowMemory(turn, self.window))

    def sized(self, tokens: int) -> Self:
        """With another window."""
        return self._with(window=tokens)


class StateMemoryConfig(_MemoryConfig):
    """MEM1: keep the last turn only. ``carry`` names the blocks of it that the next context holds.

    ``scratch`` is the tag of a block at the head of the state that is not carried, for policies that think first and
    then write their page: ``tags = { state = "summary" }, scratch = "think"``.
    """

    type: Literal["state"] = "state"
    carry: tuple[Block, ...] = CARRY
    scratch: str | None = None

    @field_validator("carry")
    @classmethod
    def _sees(cls, carry: tuple[Block, ...]) -> tuple[Block, ...]:
        return _seeing(carry)

    def build(self) -> MemoryFactory:
        """A factory of ``StateMemory``."""
        return _Factory(self.tags, self.budgets, lambda turn: StateMemory(turn, self.carry, self.scratch))

    def sized(self, tokens: int) -> Self:
        """With another page."""
        return self._with_page(tokens)


class RecallMemoryConfig(_MemoryConfig):
    """``state`` with look-back: ``<recall>words</recall>`` looks in what was dropped from the page.

    ``max_recalls`` are answered until the next answer is given, each with ``top_k`` pieces of at most ``words`` words.
    ``instruction`` tells the policy of it, after P, in every context; empty for policies that were not taught it.
    """

    type: Literal["state_recall"] = "state_recall"
    carry: tuple[Block, ...] = CARRY
    max_recalls: int = Field(default=2, ge=0)
    top_k: int = Field(default=3, ge=1)
    words: int = Field(default=60, ge=1)
    instruction: str = RECALL_INSTRUCTION

    @field_validator("carry")
    @classmethod
    def _sees(cls, carry: tuple[Block, ...]) -> tuple[Block, ...]:
        return _seeing(carry)

    def build(self) -> MemoryFactory:
        """A factory of ``RecallMemory``. Raises ``ConfigError`` where another action has the tag of ``recall``."""
        make_format(SEARCH_AND_ANSWER.with_own(RECALL), self.tags.actions)
        settings = RecallSettings(self.max_recalls, self.top_k, self.words, self.instruction)
        return _Factory(self.tags, self.budgets, lambda turn: RecallMemory(turn, self.carry, settings), (RECALL,))

    def sized(self, tokens: int) -> Self:
        """With another page."""
        return self._with_page(tokens)


class SummaryMemoryConfig(_MemoryConfig):
    """A summariser's own call rewrites a summary of ``summary`` tokens between the turns.

    It does so before each turn, or (``history`` above 0) when the turns that are not summarised yet exceed ``history``
    tokens.
    """

    type: Literal["summary"] = "summary"
    summary: int = Field(default=800, gt=0)
    history: int = Field(default=0, ge=0)
    instruction: str = SUMMARY_INSTRUCTION

    def build(self) -> MemoryFactory:
        """A factory of ``SummaryMemory``."""
        settings = SummarySettings(self.summary, self.history, self.instruction)
        return _Factory(self.tags, self.budgets, lambda turn: SummaryMemory(turn, settings))

    def sized(self, tokens: int) -> Self:
        """With another summary."""
        return self._with(summary=tokens)


class NotesMemoryConfig(_MemoryConfig):
    """A note of each turn, linked to those like it; a few of them in ``notes`` tokens of every context.

    ``write``: "model" has each note written by a call of its own in at most ``note`` tokens, "turn" takes the words of
    the turn. ``top_k`` are retrieved, with up to ``links`` notes linked to each. ``embedder`` ("module:function", from
    a text to a list of numbers) retrieves by embedding; without one notes are found by their words (BM25).
    """

    type: Literal["notes"] = "notes"
    notes: int = Field(default=1000, gt=0)
    note: int = Field(default=100, gt=0)
    top_k: int = Field(default=5, ge=0)
    links: int = Field(default=2, ge=0)
    write: Literal["model", "turn"] = "model"
    embedder: str | None = None
    instruction: str = NOTE_INSTRUCTION

    def build(self) -> MemoryFactory:
        """A factory of ``NotesMemory``. Raises ``ConfigError`` where the embedder cannot be imported."""
        settings = NotesSettings(self.notes, self.note, self.top_k, self.links, self.write, self.instruction)
        make_index = _index_maker(self.embedder)
        return _Factory(self.tags, self.budgets, lambda turn: NotesMemory(turn, settings, make_index))

    def sized(self, tokens: int) -> Self:
        """With another block of notes, and notes of at most half of it."""
        return self._with(notes=tokens, note=max(1, min(self.note, tokens // 2)))


def _seeing(carry: tuple[Block, ...]) -> tuple[Block, ...]:
    if "observation" not in carry:
        raise ValueError("without 'observation' the policy would never see what its actions bring")
    return carry


def _index_maker(embedder: str | None) -> Callable[[], Index]:
    if embedder is None:
        return LexicalIndex
    embed = _imported(embedder)
    return lambda: EmbeddingIndex(embed)


def _imported(path: str) -> Embed:
    module, _, name = path.partition(":")
    try:
        found: Embed = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f"cannot import {path!r}: {error}", where="memory.embedder", hint="write it as module:function"
        ) from error
    return found


MemoryConfig = Annotated[
    FullMemoryConfig
    | WindowMemoryConfig
    | StateMemoryConfig
    | RecallMemoryConfig
    | SummaryMemoryConfig
    | NotesMemoryConfig,
    Field(discriminator="type"),
]
"""Every memory policy, told apart by ``type``."""
