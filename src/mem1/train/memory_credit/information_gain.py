"""Information gain: how much likelier the page makes the answers (MemPO 2603.00680, InfoMem 2606.03329)."""

from __future__ import annotations

import math
from typing import Literal

from mem1.train.memory_credit.config import Belief, Ids, MemoryCredit, Write


def information_gain(before: Belief, after: Belief, unit: Literal["nats", "probability"] = "nats") -> float:
    """Mean over answers of log p with the new page less log p with the old one, per token of the answer.

    ``probability``: of the geometric mean of the tokens' probabilities instead, which MemPO takes for an answer's.
    """
    if unit == "nats":
        return after.logprob - before.logprob
    gains = [math.exp(new) - math.exp(old) for old, new in zip(before.logprobs, after.logprobs, strict=True)]
    return sum(gains) / len(gains)


class InformationGain(MemoryCredit):
    """How much likelier the accepted answers are after the new page than after the old one, both behind P alone."""

    type: Literal["information_gain"] = "information_gain"
    unit: Literal["nats", "probability"] = "nats"

    def contexts(self, write: Write) -> tuple[Ids, Ids]:
        """P with the old page, and with the new one."""
        return write.prompt + write.before, write.prompt + write.after

    def credit(self, first: Belief, second: Belief) -> float:
        """The gain."""
        return information_gain(first, second, self.unit)
