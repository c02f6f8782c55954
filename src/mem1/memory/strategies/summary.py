"""Memory that a summariser rewrites: a call of its own, by the same or another model, between the turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field

from mem1.memory.base import Ask, ParsedTurn, RenderedObservation
from mem1.memory.config import MemoryConfig
from mem1.memory.side import Ids, SideTask
from mem1.memory.text.format import TurnFormat
from mem1.memory.turn_memory import TurnMemory
from mem1.types import Completion, Observation

TAG = "summary"
INSTRUCTION = "Rewrite the summary: what was looked up, what was found. Whatever it leaves out is forgotten."


@dataclass(frozen=True, slots=True)
class SummarySettings:
    """``summary``: tokens of the block with its tags, and of what the summariser may write; ``history``: tokens of
    turns that stay word for word before they are summarised (0: only the newest observation does)."""

    summary: int
    history: int
    instruction: str = INSTRUCTION


class SummaryMemory(TurnMemory):
    """P, the summary, then word for word what is not in it yet, the newest observation last.

    When that exceeds ``history`` tokens, everything but the newest observation goes into a new summary. Whatever the
    summariser writes is neutralised and cut to its budget like text from the world. Nothing is dropped that the
    summariser has not seen.

    Raises:
        ConfigError: The budget has no room beside the summary's tags.
    """

    name = "summary"

    def __init__(self, turn: TurnFormat, settings: SummarySettings) -> None:
        super().__init__(turn)
        self._settings = settings
        self._write = turn.writer(TAG, settings.summary, where="memory.summary")
        budgets = turn.budgets
        self._side = SideTask(
            purpose=TAG,
            instruction=settings.instruction,
            tag=TAG,
            budget=settings.summary,
            material=settings.summary + max(settings.history, budgets.observation) + budgets.state + budgets.action,
        )
        self.forget()

    def forget(self) -> None:
        """Nothing is summarised yet."""
        self._summary: Ids = ()
        self._older: Ids = ()
        self._newest: Ids = ()

    async def prepare(self, ask: Ask) -> None:
        """Have the history summarised if it is too long."""
        if not self._older or len(self._older) + len(self._newest) <= self._settings.history:
            return
        material = self._summary + self._older
        text = await self._side(ask, self._turn.tokenizer, self._prompt, material)
        self._summary = self._write(Observation(head=text)).token_ids
        self._older = ()

    def carried(self) -> Ids:
        """The summary, what is not in it yet."""
        return self._summary + self._older + self._newest

    def wrote(self, completion: Completion, written: ParsedTurn) -> None:
        """Append what was written."""
        self._older += self._newest + completion.token_ids
        self._newest = ()

    def saw(self, shown: RenderedObservation) -> None:
        """Append what came back."""
        self._newest = shown.token_ids

    def bound(self) -> int:
        """The summariser's call: old summary, history, the turn written since, instruction, new summary.

        ``2 summary + max(history, observation_budget) + state_budget + action_budget + |instruction|``. The turn's own
        call has no second summary and no instruction.
        """
        return self._side.limit(self._turn.tokenizer)


class SummaryMemoryConfig(MemoryConfig):
    """A summariser's own call rewrites a summary of ``summary`` tokens between the turns.

    The summary has ``each`` tokens more for each objective of the task. It is rewritten before each turn, or
    (``history`` above 0) when the turns that are not summarised yet exceed ``history`` tokens.
    """

    rank: ClassVar[int] = 4

    type: Literal["summary"] = "summary"
    summary: int = Field(default=800, gt=0)
    each: int = Field(default=0, ge=0)
    history: int = Field(default=0, ge=0)
    instruction: str = INSTRUCTION

    @property
    def side_tokens(self) -> int:
        """A summary."""
        return self.summary

    def make(self, turn: TurnFormat) -> SummaryMemory:
        """A memory that is summarised between the turns."""
        return SummaryMemory(turn, SummarySettings(self.summary, self.history, self.instruction))

    def at(self, objectives: int) -> Self:
        """With the summary that a task of so many objectives has."""
        grown = super().at(objectives)
        return grown._with(summary=self.summary + self.each * objectives, each=0) if self.each else grown

    def sized(self, tokens: int) -> Self:
        """With another summary."""
        return self._with(summary=tokens)
