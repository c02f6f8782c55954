"""Counterfactual replacement: what the next turn would know had the page not been written (HiMPO 2606.16285)."""

from __future__ import annotations

from typing import Literal

from mem1.train.memory_credit.config import Belief, Ids, MemoryCredit, Write


def counterfactual(replaced: Belief, written: Belief) -> float:
    """Mean over answers of log p in the next context as it was less log p with the page replaced, per token."""
    return written.logprob - replaced.logprob


class Counterfactual(MemoryCredit):
    """How much less likely the accepted answers are in the next context with another page in place of the written one.

    ``instead``: the page before (``former``), or none (``empty``). The action and what came of it stay, so that a page
    which only says what the next observation says too is worth nothing. HiMPO's hindsight filter is not part of it.
    """

    type: Literal["counterfactual"] = "counterfactual"
    instead: Literal["former", "empty"] = "former"

    def contexts(self, write: Write) -> tuple[Ids, Ids]:
        """The next context with the other page, and as it was."""
        other = write.before if self.instead == "former" else ()
        return write.prompt + other + write.behind, write.prompt + write.after + write.behind

    def credit(self, first: Belief, second: Belief) -> float:
        """The difference."""
        return counterfactual(first, second)
