"""MEM1: the policy rewrites one block each turn, and everything older is dropped.

Source: arXiv 2506.15841, section 3; the hard bound is this program's own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator

from mem1.memory.base import ParsedTurn, RenderedObservation
from mem1.memory.config import MemoryConfig
from mem1.memory.text.format import TurnFormat
from mem1.memory.turn_memory import TurnMemory
from mem1.types import Completion

Block = Literal["state", "action", "observation"]


class StateMemory(TurnMemory):
    """P, then the carried blocks of the last turn: its state, its action, its observation.

    Args:
        turn: The common form of a turn.
        carry: Which blocks of the last turn the next context holds.
        scratch: Tag of a block at the head of the state that is not carried (the published shopping agent thinks, then
            writes a summary, and carries the summary only).
    """

    name = "state"

    def __init__(self, turn: TurnFormat, carry: Collection[Block], scratch: str | None = None) -> None:
        super().__init__(turn)
        self._carry = frozenset(carry)
        self._scratch_end = None if scratch is None else turn.tags.closing(scratch)
        self._written: tuple[int, ...] = ()
        self._observation: tuple[int, ...] = ()

    def forget(self) -> None:
        """No turn was taken yet."""
        self._written = self._observation = ()

    def carried(self) -> tuple[int, ...]:
        """What the next context holds of the last turn, as it was sampled."""
        return self._written + self._observation

    def wrote(self, completion: Completion, written: ParsedTurn) -> None:
        """Replace the state and the action by what was just written."""
        page = completion.token_ids[: written.state_length]
        state = page[self._scratch_length(page) :] if "state" in self._carry else ()
        action = completion.token_ids[written.state_length :] if "action" in self._carry else ()
        self._written = state + action

    def _scratch_length(self, page: tuple[int, ...]) -> int:
        """How many tokens reach to the end of the scratch block; 0 where it was not closed."""
        end = self._scratch_end
        decode = self._turn.tokenizer.decode
        if end is None or end not in decode(page):
            return 0
        # The fewest tokens whose text holds the closing tag: it holds it from there on, so bisection finds them.
        return bisect_left(range(len(page)), True, key=lambda count: end in decode(page[:count]))

    def saw(self, shown: RenderedObservation) -> None:
        """Replace the observation by what just came back."""
        self._observation = shown.token_ids if "observation" in self._carry else ()

    def bound(self) -> int:
        """The budgets of what is carried plus those of what is written.

        With everything carried: ``2 * (state_budget + action_budget) + observation_budget``.
        """
        budgets = self._turn.budgets
        carried = {"state": budgets.state, "action": budgets.action, "observation": budgets.observation}
        return sum(carried[block] for block in self._carry) + budgets.state + budgets.action


def _seeing(carry: tuple[Block, ...]) -> tuple[Block, ...]:
    if "observation" not in carry:
        raise ValueError("without 'observation' the policy would never see what its actions bring")
    return carry


Carry = Annotated[tuple[Block, ...], AfterValidator(_seeing)]
CARRY: tuple[Block, ...] = ("state", "action", "observation")


class StateMemoryConfig(MemoryConfig):
    """MEM1: keep the last turn only. ``carry`` names the blocks of it that the next context holds.

    ``scratch`` is the tag of a block at the head of the state that is not carried, for policies that think first and
    then write their page: ``tags = { state = "summary" }, scratch = "think"``.
    """

    rank: ClassVar[int] = 2

    type: Literal["state"] = "state"
    carry: Carry = CARRY
    scratch: str | None = None

    def make(self, turn: TurnFormat) -> StateMemory:
        """A memory of the last turn."""
        return StateMemory(turn, self.carry, self.scratch)

    def sized(self, tokens: int) -> Self:
        """With another page."""
        return self._with_page(tokens)
