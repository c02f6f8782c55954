"""MEM1: the policy rewrites one block each turn, and everything older is dropped.

Source: arXiv 2506.15841, section 3; the hard bound is this program's own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator

from mem1.inference.base import Section
from mem1.memory.base import ParsedTurn, RenderedObservation, SelfContained
from mem1.memory.config import MemoryConfig
from mem1.memory.text.format import TurnFormat
from mem1.memory.text.tags import Tags
from mem1.types import Completion, Observation

Block = Literal["state", "action", "observation"]


class StateMemory(SelfContained):
    """P, then the carried blocks of the last turn: its state, its action, its observation.

    Args:
        turn: The common form of a turn.
        carry: Which blocks of the last turn the next context holds.
        scratch: Tag of a block at the head of the state that is not carried (the published shopping agent thinks, then
            writes a summary, and carries the summary only).
    """

    name = "state"

    def __init__(self, turn: TurnFormat, carry: Collection[Block], scratch: str | None = None) -> None:
        self._turn = turn
        self.tags: Tags = turn.tags
        self._carry = frozenset(carry)
        self._scratch_end = None if scratch is None else turn.tags.closing(scratch)
        self._prompt: tuple[int, ...] = ()
        self._written: tuple[int, ...] = ()
        self._observation: tuple[int, ...] = ()

    @property
    def prefix_length(self) -> int:
        """|P| in tokens."""
        return len(self._prompt)

    def start(self, prompt: str, observation: Observation | None) -> None:
        """Begin with the task prompt and, if there is one, a first observation."""
        self._prompt = tuple(self._turn.tokenizer.encode(prompt))
        self._written = self._observation = ()
        if observation is not None:
            self.observe(observation)

    def context(self) -> tuple[int, ...]:
        """The prompt and what is carried of the last turn, as it was sampled."""
        return self._prompt + self._written + self._observation

    def sections(self) -> tuple[Section, ...]:
        """State, then action."""
        return self._turn.sections

    def read(self, completion: Completion) -> ParsedTurn:
        """Replace the state and the action by what was just written."""
        written = self._turn.split(completion)
        page = completion.token_ids[: written.state_length]
        state = page[self._scratch_length(page) :] if "state" in self._carry else ()
        action = completion.token_ids[written.state_length :] if "action" in self._carry else ()
        self._written = state + action
        return written

    def _scratch_length(self, page: tuple[int, ...]) -> int:
        """How many tokens reach to the end of the scratch block; 0 where it was not closed."""
        end = self._scratch_end
        decode = self._turn.tokenizer.decode
        if end is None or end not in decode(page):
            return 0
        # The fewest tokens whose text holds the closing tag: it holds it from there on, so bisection finds them.
        return bisect_left(range(len(page)), True, key=lambda count: end in decode(page[:count]))

    def observe(self, observation: Observation) -> RenderedObservation:
        """Replace the observation by what just came back."""
        shown = self._turn.show(observation)
        self._observation = shown.token_ids if "observation" in self._carry else ()
        return shown

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
