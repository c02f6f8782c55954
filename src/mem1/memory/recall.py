"""MEM1 with look-back: what was dropped from the page can be looked up again in the episode's own log."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from mem1.memory.base import Shown, Written
from mem1.memory.format import TurnFormat
from mem1.memory.index import LexicalIndex
from mem1.memory.state import Block, StateMemory
from mem1.types import Action, Answer, Completion, Observation, Recall

INSTRUCTION = (
    "What you wrote or were shown in earlier turns can be looked up again: <{recall}> words to look up </{recall}>."
)
_TAG = re.compile(r"</?\w+>")


@dataclass(frozen=True, slots=True)
class RecallSettings:
    """``max_recalls`` until the next answer, ``top_k`` pieces each, of at most ``words`` words; ``instruction`` stands
    after P in every context, with the tag's name for ``{recall}``."""

    max_recalls: int
    top_k: int
    words: int
    instruction: str = INSTRUCTION


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

    def __init__(self, turn: TurnFormat, carry: Collection[Block], settings: RecallSettings) -> None:
        super().__init__(turn, carry)
        self._forget()
        assert turn.tags.recall is not None, "the tags name no recall"
        self._settings = settings
        text = settings.instruction.replace("{recall}", turn.tags.recall)
        self._instruction = tuple(turn.tokenizer.encode(f"{text}\n")) if text else ()

    @property
    def name(self) -> str:
        """``"state_recall"``."""
        return "state_recall"

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin with the task prompt and, if there is one, a first observation."""
        self._forget()
        super().start(prompt, observation)

    def context(self) -> tuple[int, ...]:
        """P, how to look back, and what is carried of the last turn."""
        return self._prompt + self._instruction + self._written + self._observation

    def read(self, completion: Completion) -> Written:
        """Replace the state and the action; what they replace goes into the log."""
        self._keep("page", self._page)
        self._keep("shown", self._seen)
        written = super().read(completion)
        self._page, self._seen = written.state, ""
        self._turns += 1
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

    def observe(self, observation: Observation) -> Shown:
        """Replace the observation. One that was looked up in the log does not go there again."""
        shown = super().observe(observation)
        self._seen = "" if self._recalling else shown.text
        self._recalling = False
        return shown

    def bound(self) -> int:
        """The bound of ``state`` and the tokens of the instruction."""
        return super().bound() + len(self._instruction)

    def _forget(self) -> None:
        self._log: list[str] = []
        self._known: set[str] = set()
        self._index = LexicalIndex()
        self._recalls: int = 0
        self._turns: int = 0
        self._recalling: bool = False
        self._page: str = ""
        self._seen: str = ""

    def _look(self, query: str) -> Observation:
        left = self._settings.max_recalls - self._recalls
        head = f"Recalls left: {left}."
        found = self._index.search(query, self._settings.top_k)
        if not found:
            return Observation(head=f"{head} Nothing about that was written or shown earlier.")
        return Observation(head=head, passages=tuple(self._log[number] for number in found))

    def _keep(self, what: str, text: str) -> None:
        """Log the lines of ``text``, long ones in pieces, none twice."""
        for line in text.splitlines():
            words = _TAG.sub(" ", line).split()
            for start in range(0, len(words), self._settings.words):
                piece = " ".join(words[start : start + self._settings.words])
                if piece not in self._known:
                    self._known.add(piece)
                    self._log.append(f"Turn {self._turns}, {what}: {piece}")
                    self._index.add(piece)
