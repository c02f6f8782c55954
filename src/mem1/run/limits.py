"""How much of what a task may use is left."""

from __future__ import annotations

from dataclasses import dataclass

from mem1.prices import Prices
from mem1.run.config import LimitsConfig
from mem1.run.disk.records import Spent
from mem1.types import SideCall, Turn, Usage


@dataclass(frozen=True, slots=True)
class Allowance:
    """The limits of a task, and the most that one turn of it can cost: ``prompt`` tokens read, ``written`` written."""

    limits: LimitsConfig
    prices: Prices | None
    prompt: int
    written: int

    def turns_left(self, spent: Spent) -> int:
        """Turns that can surely be taken without going beyond any limit."""
        return max(0, min(left for left, _ in self._left(spent)))

    def exhausted(self, spent: Spent) -> str | None:
        """The limit that leaves no further turn (``"turns"``, ``"tokens"``, ``"cost"``), ``None`` where none does."""
        return next((name for left, name in self._left(spent) if left < 1), None)

    def _left(self, spent: Spent) -> list[tuple[int, str]]:
        limits = self.limits
        found = [(limits.turns - spent.turns, "turns")]
        if limits.tokens is not None:
            found.append(((limits.tokens - spent.tokens) // (self.prompt + self.written), "tokens"))
        if limits.cost is not None and self.prices is not None:
            dearest = self.prices.cost(prompt=self.prompt, cached=0, completion=self.written)
            left = limits.cost - (spent.cost or 0.0)
            found.append((int(left / dearest) if dearest else limits.turns, "cost"))
        return found


def add(spent: Spent, turn: Turn, side_calls: tuple[SideCall, ...], prices: Prices | None, seconds: float) -> Spent:
    """``spent`` and one turn more. What the server does not count is counted here, in the local tokenizer's tokens."""
    found = spent
    made: list[Turn | SideCall] = [turn, *side_calls]
    for call in made:
        usage = call.usage or _counted(call, prices)
        known = usage.cost is not None
        found = found.model_copy(
            update={
                "calls": found.calls + usage.calls,
                "prompt_tokens": found.prompt_tokens + usage.prompt_tokens,
                "cached_tokens": found.cached_tokens + usage.cached_tokens,
                "completion_tokens": found.completion_tokens + usage.completion_tokens,
                "cost": (found.cost or 0.0) + (usage.cost or 0.0) if known else found.cost,
            }
        )
    return found.model_copy(update={"turns": spent.turns + 1, "seconds": spent.seconds + seconds})


def _counted(call: Turn | SideCall, prices: Prices | None) -> Usage:
    prompt, written = len(call.prompt_token_ids), len(call.completion_token_ids)
    cost = None if prices is None else prices.cost(prompt=prompt, cached=0, completion=written)
    return Usage(calls=1, prompt_tokens=prompt, cached_tokens=0, completion_tokens=written, seconds=0.0, cost=cost)
