"""MEM1 with a gate: the page may stay, and only what is added or struck is written.

Rewriting a page of N values copies all of them in every turn, and small errors add up. Here the policy may leave the
copying to the memory. Source of the idea: GRU-Mem (arXiv 2602.10560); editing by lines is this program's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import ClassVar, Literal, Self

from mem1.actions import ActionFormat
from mem1.actions.quoting import QuotingActions
from mem1.inference.base import Tokenizer
from mem1.memory.base import ParsedTurn
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.state import CARRY, Block, Carry, StateMemory
from mem1.memory.text.format import TurnFormat
from mem1.types import Completion, Observation

INSTRUCTION = (
    "Your page can stay: begin the block with = and write only what changes, a line each: + what is added, "
    "- how the lines begin that are struck. Other lines are not kept. Without = the block is your new page."
)
QUOTING = (
    "Your answer can be your page: <{answer}>=</{answer}> answers with its lines that begin with a number in brackets, "
    "such as +(1) Lima."
)
_KEEP, _ADD, _STRIKE = "=", "+", "-"
_NUMBERED = re.compile(r"\((\d+)\)\s*\S")


def edited(page: Iterable[str], written: str) -> tuple[str, ...] | None:
    """The lines of ``page`` after the edits in ``written``; ``None`` where that is a new page, not an edit.

    An edit begins with ``=``. Its lines are taken in their order: one that begins with ``+`` is added at the end (as
    it stands), one that begins with ``-`` strikes the lines whose text, after a ``+`` of their own, begins
    with the rest of it. All others are thoughts that pass. Blanks around a line do not count.
    """
    body = written.strip()
    if not body.startswith(_KEEP):
        return None
    lines = list(page)
    for line in map(str.strip, body[1:].split("\n")):
        if line.startswith(_ADD) and line != _ADD:
            lines.append(line)
        elif line.startswith(_STRIKE) and (struck := line[1:].strip()):
            lines = [kept for kept in lines if not kept.removeprefix(_ADD).lstrip().startswith(struck)]
    return tuple(lines)


def quoted(page: Iterable[str]) -> str:
    """The lines of ``page`` that begin with a number in brackets, as an answer: ``(1) Lima; (2) Accra``.

    The ``+`` in front of a line does not count. Of two lines with the same number the first is quoted.
    """
    found: dict[int, str] = {}
    for line in page:
        text = line.strip().removeprefix(_ADD).strip()
        if number := _NUMBERED.match(text):
            found.setdefault(int(number[1]), text)
    return "; ".join(found.values())


class GatedStateMemory(StateMemory):
    """``state`` whose page may be edited instead of being rewritten.

    The lines that stay are set in again by the memory: they are part of the next prompt, so they are neither sampled
    nor trained on. A page takes at most the budget of the state, tags included; a line that does not fit any more
    is not added, so the bound is that of ``state`` (and of the instruction, which stands after P in every context).
    What does not begin with ``=`` is a new page, carried as it was sampled.

    ``quotes``: an answer of ``=`` alone is the page's numbered lines, as they stand when the turn is written
    (``quoted``). Like the lines that stay they are set in by the memory: what is sampled and trained on is the ``=``.
    """

    name = "state_gated"

    def __init__(
        self, turn: TurnFormat, carry: Collection[Block], instruction: str = INSTRUCTION, *, quotes: bool = False
    ) -> None:
        super().__init__(turn, carry)
        self._actions = QuotingActions(turn.actions, lambda: quoted(self._page)) if quotes else turn.actions
        self._instruction = tuple(turn.tokenizer.encode(f"{instruction}\n")) if instruction else ()
        self._page: tuple[str, ...] = ()

    @property
    def actions(self) -> ActionFormat:
        """How the policy writes what it does; an answer can be a quote."""
        return self._actions

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin with the task prompt and, if there is one, a first observation."""
        self._page = ()
        super().start(prompt, observation)

    def context(self) -> tuple[int, ...]:
        """P, how to edit, the page as it stands now, and what else is carried of the last turn."""
        return self._prompt + self._instruction + self._written + self._observation

    def read(self, completion: Completion) -> ParsedTurn:
        """Edit the page or replace it; replace the action."""
        written = super().read(completion)
        inner = self._inside(written.state)
        page = edited(self._page, inner)
        if page is None:
            self._page = tuple(line for line in inner.split("\n") if line.strip())
            return written
        state = self._set(page) if "state" in self._carry else ()
        action = self._action(completion.token_ids[written.state_length :], written.action_text)
        self._written = state + (action if "action" in self._carry else ())
        return written

    def bound(self) -> int:
        """The bound of ``state`` and the tokens of the instruction."""
        return super().bound() + len(self._instruction)

    def _inside(self, state: str) -> str:
        """The state's text without its tags."""
        tags = self._turn.tags
        return state.strip().removeprefix(tags.opening(tags.state)).removesuffix(tags.closing(tags.state))

    def _set(self, page: tuple[str, ...]) -> tuple[int, ...]:
        """The page's tokens, and what of it fits becomes the page."""
        tags, encode = self._turn.tags, self._turn.tokenizer.encode
        opening, closing = tuple(encode(tags.opening(tags.state))), tuple(encode(tags.closing(tags.state)))
        room = self._turn.budgets.state - len(opening) - len(closing)
        fitting = list(_fitting(page, self._turn.tokenizer, room))
        self._page = tuple(line for line, _ in fitting)
        ids = (*opening, *(token for _, line in fitting for token in line), *closing)
        return ids[: self._turn.budgets.state]

    def _action(self, sampled: tuple[int, ...], text: str) -> tuple[int, ...]:
        """The action's tokens; made anew where its first sign was part of the state's last token."""
        tokenizer = self._turn.tokenizer
        if tokenizer.decode(sampled) == text:
            return sampled
        return tuple(tokenizer.encode(text))[: self._turn.budgets.action]


def _fitting(lines: Iterable[str], tokenizer: Tokenizer, room: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """The lines with their tokens, up to the first that does not fit."""
    for line in lines:
        ids = tuple(tokenizer.encode(f"\n{line}"))
        room -= len(ids)
        if room < 0:
            return
        yield line, ids


class GatedStateMemoryConfig(MemoryConfig):
    """``state`` with a gate: a block that begins with ``=`` edits the page by lines instead of rewriting it.

    ``instruction`` tells the policy of it, after P, in every context; a few words for policies that were taught it.
    ``quotes``: an answer of ``=`` alone is the numbered lines of the page, so that it need not be copied; the usual
    instruction tells of that too.
    """

    rank: ClassVar[int] = 3

    type: Literal["state_gated"] = "state_gated"
    carry: Carry = CARRY
    instruction: str = INSTRUCTION
    quotes: bool = False

    def make(self, turn: TurnFormat) -> GatedStateMemory:
        """A memory of the last turn and of an edited page. Raises ``ConfigError`` where there is nothing to answer."""
        return GatedStateMemory(turn, self.carry, self._told(), quotes=self.quotes)

    def _told(self) -> str:
        if not self.quotes or self.instruction != INSTRUCTION:
            return self.instruction
        return f"{INSTRUCTION} {QUOTING.format(answer=self.tags.answer)}"

    def sized(self, tokens: int) -> Self:
        """With another page."""
        return self._with_page(tokens)
