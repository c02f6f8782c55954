"""MEM1 with look-back: what was dropped from the page can be looked up again in the episode's own log."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from mem1.actions import make_format
from mem1.actions.tools import SEARCH_AND_ANSWER
from mem1.memory.base import MemoryFactory, ParsedTurn, RenderedObservation
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.state import CARRY, Block, Carry, StateMemory
from mem1.memory.text.format import TurnFormat
from mem1.types import Action, Answer, Completion, Observation, ToolCall, ToolSpec, text_tool, tool_call

if TYPE_CHECKING:  # numpy is loaded by what is searched, not by reading a recipe
    from mem1.memory.index import LexicalIndex

RECALL = text_tool("recall", "query", "look something up in what you wrote or were shown earlier")
INSTRUCTION = "What you wrote or saw earlier can be looked up again: <{recall}> words </{recall}>."
_TAG = re.compile(r"</?\w+>")


@dataclass(frozen=True, slots=True)
class RecallSettings:
    """``max_recalls`` until the next answer, ``top_k`` pieces each, of at most ``words`` words; ``instruction`` stands
    after P in every context, with the tag's name for ``{recall}``."""

    max_recalls: int
    top_k: int
    words: int
    instruction: str = INSTRUCTION


def _empty() -> LexicalIndex:
    from mem1.memory.index import LexicalIndex

    return LexicalIndex()


@dataclass(slots=True)
class _Log:
    """Every page and observation that left the context, in pieces, and what is about to leave it."""

    words: int
    pieces: list[str] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    index: LexicalIndex = field(default_factory=_empty)
    turns: int = 0
    page: str = ""
    seen: str = ""

    def next_turn(self, page: str) -> None:
        """The page and the observation of the last turn are replaced by ``page`` and by nothing yet."""
        self._keep("page", self.page)
        self._keep("shown", self.seen)
        self.turns, self.page, self.seen = self.turns + 1, page, ""

    def _keep(self, what: str, text: str) -> None:
        """The lines of ``text``, long ones in pieces, none twice."""
        for line in text.splitlines():
            words = _TAG.sub(" ", line).split()
            for start in range(0, len(words), self.words):
                piece = " ".join(words[start : start + self.words])
                if piece not in self.known:
                    self.known.add(piece)
                    self.pieces.append(f"Turn {self.turns}, {what}: {piece}")
                    self.index.add(piece)


class RecallMemory(StateMemory):
    """``state``, and a log outside the context of every page and observation that was dropped from it.

    ``<recall>words</recall>`` is answered from the log by the memory itself: the best pieces by BM25, as an
    observation, in its budget and neutralised like any other. It costs no turn of the environment's. At most
    ``max_recalls`` are answered until the next answer is given, which begins another objective; then it is not offered
    any more.

    Args:
        turn: The common form of a turn; ``RECALL`` is among its actions.
        carry: Which blocks of the last turn the next context holds.
        settings: Sizes and counts.
    """

    name = "state_recall"

    def __init__(self, turn: TurnFormat, carry: Collection[Block], settings: RecallSettings) -> None:
        super().__init__(turn, carry)
        self._settings = settings
        self._log = _Log(settings.words)
        self._recalls = 0
        self._recalling = False
        text = _told(settings.instruction, turn)
        self._instruction = tuple(turn.tokenizer.encode(f"{text}\n")) if text else ()

    def forget(self) -> None:
        """No turn was taken yet, and the log is empty."""
        super().forget()
        self._log = _Log(self._settings.words)
        self._recalls = 0
        self._recalling = False

    def carried(self) -> tuple[int, ...]:
        """How to look back, and what is carried of the last turn."""
        return self._instruction + super().carried()

    def wrote(self, completion: Completion, written: ParsedTurn) -> None:
        """Replace the state and the action; what they replace goes into the log."""
        super().wrote(completion, written)
        self._log.next_turn(written.state)

    @property
    def offers(self) -> Collection[str]:
        """``recall``, until it was used ``max_recalls`` times for what is being asked."""
        return (RECALL.name,) if self._recalls < self._settings.max_recalls else ()

    async def respond(self, action: Action) -> Observation | None:
        """Look back for ``RECALL``; anything else is the environment's."""
        match action:
            case ToolCall(name=RECALL.name, arguments={"query": str(query)}):
                self._recalls += 1
                self._recalling = True
                return self._look(query)
            case Answer():
                self._recalls = 0
        return None

    def saw(self, shown: RenderedObservation) -> None:
        """Replace the observation. One that was looked up in the log does not go there again."""
        super().saw(shown)
        self._log.seen = "" if self._recalling else shown.text
        self._recalling = False

    def bound(self) -> int:
        """The bound of ``state`` and the tokens of the instruction."""
        return super().bound() + len(self._instruction)

    @property
    def tools(self) -> tuple[ToolSpec, ...]:
        """``RECALL``."""
        return (RECALL,)

    def _look(self, query: str) -> Observation:
        left = self._settings.max_recalls - self._recalls
        head = f"Recalls left: {left}."
        found = self._log.index.search(query, self._settings.top_k)
        if not found:
            return Observation(head=f"{head} Nothing about that was written or shown earlier.")
        return Observation(head=head, passages=tuple(self._log.pieces[number] for number in found))


class RecallMemoryConfig(MemoryConfig):
    """``state`` with look-back: ``<recall>words</recall>`` looks in what was dropped from the page.

    ``max_recalls`` are answered until the next answer is given, each with ``top_k`` pieces of at most ``words`` words.
    ``instruction`` tells the policy of it, after P, in every context; empty for policies that were not taught it.
    """

    rank: ClassVar[int] = 3
    tools: ClassVar[tuple[ToolSpec, ...]] = (RECALL,)

    type: Literal["state_recall"] = "state_recall"
    carry: Carry = CARRY
    max_recalls: int = Field(default=2, ge=0)
    top_k: int = Field(default=3, ge=1)
    words: int = Field(default=60, ge=1)
    instruction: str = INSTRUCTION

    def build(self) -> MemoryFactory:
        """A factory of ``RecallMemory``. Raises ``ConfigError`` where another action has the tag of ``recall``."""
        make_format(SEARCH_AND_ANSWER.with_own(RECALL), self.tags.actions)
        return super().build()

    def make(self, turn: TurnFormat) -> RecallMemory:
        """A memory of the last turn, with a log of what was dropped from it."""
        settings = RecallSettings(self.max_recalls, self.top_k, self.words, self.instruction)
        return RecallMemory(turn, self.carry, settings)

    def sized(self, tokens: int) -> Self:
        """With another page."""
        return self._with_page(tokens)


def _told(instruction: str, turn: TurnFormat) -> str:
    """The instruction with the tag's name in it; where actions are no tags, with the action as it is written."""
    if turn.actions.space.form == "tags":
        return instruction.replace("{recall}", turn.tags.actions.get(RECALL.name, RECALL.name))
    written = turn.actions.write(tool_call(RECALL.name, query="words"))
    return instruction.replace("<{recall}> words </{recall}>", written).replace("{recall}", RECALL.name)
