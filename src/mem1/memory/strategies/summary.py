"""Memory that a summariser rewrites: a call of its own, by the same or another model, between the turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import Field

from mem1.inference.base import Section
from mem1.memory.base import Ask, ParsedTurn, RenderedObservation, SelfContained
from mem1.memory.config import MemoryConfig
from mem1.memory.side import Ids, SideTask
from mem1.memory.text.format import TurnFormat
from mem1.memory.text.observations import BlockWriter
from mem1.memory.text.tags import Tags
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


class SummaryMemory(SelfContained):
    """P, the summary, then word for word what is not in it yet, the newest observation last.

    When that exceeds ``history`` tokens, everything but the newest observation goes into a new summary. Whatever the
    summariser writes is neutralised and cut to its budget like text from the world. Nothing is dropped that the
    summariser has not seen.

    Raises:
        ConfigError: The budget has no room beside the summary's tags.
    """

    name = "summary"

    def __init__(self, turn: TurnFormat, settings: SummarySettings) -> None:
        self._turn = turn
        self.tags: Tags = turn.tags
        self._settings = settings
        where = "memory.summary"
        self._write = BlockWriter(turn.tokenizer, turn.tags, settings.summary, tag=TAG, where=where)
        budgets = turn.budgets
        self._side = SideTask(
            purpose=TAG,
            instruction=settings.instruction,
            tag=TAG,
            budget=settings.summary,
            material=settings.summary + max(settings.history, budgets.observation) + budgets.state + budgets.action,
        )
        self.start("", None)

    @property
    def prefix_length(self) -> int:
        """|P| in tokens."""
        return len(self._prompt)

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin with the task prompt and, if there is one, a first observation."""
        self._prompt: Ids = tuple(self._turn.tokenizer.encode(prompt))
        self._summary: Ids = ()
        self._older: Ids = ()
        self._newest: Ids = ()
        if observation is not None:
            self.observe(observation)

    async def prepare(self, ask: Ask) -> None:
        """Have the history summarised if it is too long."""
        if not self._older or len(self._older) + len(self._newest) <= self._settings.history:
            return
        material = self._summary + self._older
        text = await self._side(ask, self._turn.tokenizer, self._prompt, material)
        self._summary = self._write(Observation(head=text)).token_ids
        self._older = ()

    def context(self) -> Ids:
        """P, the summary, what is not in it yet."""
        return self._prompt + self._summary + self._older + self._newest

    def sections(self) -> tuple[Section, ...]:
        """State, then action."""
        return self._turn.sections

    def read(self, completion: Completion) -> ParsedTurn:
        """Append what was written."""
        self._older += self._newest + completion.token_ids
        self._newest = ()
        return self._turn.split(completion)

    def observe(self, observation: Observation) -> RenderedObservation:
        """Append what came back."""
        shown = self._turn.show(observation)
        self._newest = shown.token_ids
        return shown

    def bound(self) -> int:
        """The summariser's call: old summary, history, the turn written since, instruction, new summary.

        ``2 summary + max(history, observation_budget) + state_budget + action_budget + |instruction|``. The turn's own
        call has no second summary and no instruction.
        """
        return self._side.limit(self._turn.tokenizer)


class SummaryMemoryConfig(MemoryConfig):
    """A summariser's own call rewrites a summary of ``summary`` tokens between the turns.

    It does so before each turn, or (``history`` above 0) when the turns that are not summarised yet exceed ``history``
    tokens.
    """

    rank: ClassVar[int] = 4

    type: Literal["summary"] = "summary"
    summary: int = Field(default=800, gt=0)
    history: int = Field(default=0, ge=0)
    instruction: str = INSTRUCTION

    def make(self, turn: TurnFormat) -> SummaryMemory:
        """A memory that is summarised between the turns."""
        return SummaryMemory(turn, SummarySettings(self.summary, self.history, self.instruction))

    def sized(self, tokens: int) -> Self:
        """With another summary."""
        return self._with(summary=tokens)
