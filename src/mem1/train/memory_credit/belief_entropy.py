"""Belief entropy: how much surer the page makes the policy of its answers (MMPO 2605.30159)."""

from __future__ import annotations

from typing import Literal

from mem1.train.memory_credit.config import Belief, Ids, MemoryCredit, Write


def belief_entropy(before: Belief, after: Belief) -> float:
    """Entropy with the old page less entropy with the new one, in nats, mean over the tokens of each answer."""
    return before.entropy - after.entropy


class BeliefEntropy(MemoryCredit):
    """How much less uncertain the policy is about the answers after the new page than after the old one.

    Whether it is right plays no part. The accepted answers only say along which tokens the entropy is read.
    """

    type: Literal["belief_entropy"] = "belief_entropy"

    def contexts(self, write: Write) -> tuple[Ids, Ids]:
        """P with the old page, and with the new one."""
        return write.prompt + write.before, write.prompt + write.after

    def credit(self, first: Belief, second: Belief) -> float:
        """The uncertainty taken away."""
        return belief_entropy(first, second)
