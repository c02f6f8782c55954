"""MEM1 with look-back: what was dropped from the page can be looked up again in the episode's own log."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field

from mem1.memory.base import MemoryFactory, ParsedTurn, RenderedObservation
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.state import CARRY, Block, Carry, StateMemory
from mem1.memory.text.format import TurnFormat
from mem1.types import Action, Answer, Completion, Observation, Recall

if TYPE_CHECKING:  # numpy is loaded by what is searched, not by reading a recipe
    from mem1.memory.index import LexicalIndex

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
        turn: The common form of a turn; its tags must name ``recall``.
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
        assert turn.tags.recall is not None, "the tags name no recall"
        text = settings.instruction.replace("{recall}", turn.tags.recall)
        self._instruction = tuple(turn.tokenizer.encode(f"{text}\n")) if text else ()

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin with the task prompt and, if there is one, a first observation."""
        self._log = _Log(self._settings.words)
        self._recalls = 0
        self._recalling = False
        super().start(prompt, observation)

    def context(self) -> tuple[int, ...]:
        """P, how to look back, and what is carried of the last turn."""
        return self._prompt + self._instruction + self._written + self._observation

    def read(self, completion: Completion) -> ParsedTurn:
        """Replace the state and the action; what they replace goes into the log."""
        written = super().read(completion)
        self._log.next_turn(written.state)
        return written

    @property
    def offers(self) -> Collection[str]:
        """``recall``, until it was used ``max_recalls`` times for what is being asked."""
        return ("recall",) if self._recalls < self._settings.max_recalls else ()

    async def respond(self, action: Action) -> Observation | None:
        """Look back for a ``Recall``; anything else is the environment's."""
        match action:
            case Recall(query=query):
                self._recalls += 1
                self._recalling = True
                return self._look(query)
            case Answer():
                self._recalls = 0
        return None

    def observe(self, observation: Observation) -> RenderedObservation:
        """Replace the observation. One that was looked up in the log does not go there again."""
        shown = super().observe(observation)
        self._log.seen = "" if self._recalling else shown.text
        self._recalling = False
        return shown

    def bound(self) -> int:
        """The bound of ``state`` and the tokens of the instruction."""
        return super().bound() + len(self._instruction)

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

    type: Literal["state_recall"] = "state_recall"
    carry: Carry = CARRY
    max_recalls: int = Field(default=2, ge=0)
    top_k: int = Field(default=3, ge=1)
    words: int = Field(default=60, ge=1)
    instruction: str = INSTRUCTION

    def build(self) -> MemoryFactory:
        """A factory of ``RecallMemory``; the recall tag is named ``recall`` where the tags name none."""
        tagged = self._with(tags=self.tags.with_recall())
        return super(RecallMemoryConfig, tagged).build()

    def make(self, turn: TurnFormat) -> RecallMemory:
        """A memory of the last turn, with a log of what was dropped from it."""
        settings = RecallSettings(self.max_recalls, self.top_k, self.words, self.instruction)
        return RecallMemory(turn, self.carry, settings)

    def sized(self, tokens: int) -> Self:
        """With another page."""
        return self._with_page(tokens)
