"""What the kinds of credit for memory have in common: the kind of parts that a recipe calls ``memory_credit``.

No torch here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mem1.registry import Kind, Part

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Belief:
    """What the policy holds of the answers in a context, a number for each answer asked for.

    ``logprobs``: log p of the accepted answer in nats, mean over its tokens. ``entropies``: of the distributions that
    its tokens are drawn from, in nats, mean over them.
    """

    logprobs: tuple[float, ...]
    entropies: tuple[float, ...]

    @property
    def logprob(self) -> float:
        """Mean over answers."""
        return sum(self.logprobs) / len(self.logprobs)

    @property
    def entropy(self) -> float:
        """Mean over answers."""
        return sum(self.entropies) / len(self.entropies)


@dataclass(frozen=True, slots=True)
class Write:
    """What a turn did to memory, in token ids as the contexts hold them.

    The turn saw ``prompt + before + ...``, the next one ``prompt + after + behind``: ``before`` and ``after`` are what
    was remembered, ``behind`` is the turn's action and what came of it.
    """

    prompt: Ids
    before: Ids
    after: Ids
    behind: Ids


class MemoryCredit(Part):
    """Any credit for memory, told apart by ``type``.

    ``weight``: what one deviation of it is worth beside the advantage of the reward.
    """

    part_kind: ClassVar[Kind] = "memory_credit"
    default_type: ClassVar[str | None] = "none"

    weight: Annotated[float, Field(ge=0)] = 0.5

    def contexts(self, write: Write) -> tuple[Ids, Ids]:
        """The two contexts in which the policy is asked for the answers."""
        raise NotImplementedError(f"{type(self).__name__} does not say what it compares: define contexts")

    def credit(self, first: Belief, second: Belief) -> float:
        """What the write is worth, from what the policy holds in each of them."""
        raise NotImplementedError(f"{type(self).__name__} does not say what a write is worth: define credit")


class NoMemoryCredit(MemoryCredit):
    """States are credited with the reward alone, like all that the policy writes."""

    type: Literal["none"] = "none"
    weight: Literal[0] = 0
