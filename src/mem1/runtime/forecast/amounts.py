"""Amounts of work: episodes, calls of models, tokens, money."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mem1.prices import Prices
from mem1.rollout.episode import RolloutContext
from mem1.runtime.forecast.speeds import Speed
from mem1.types import Episode, Task


@dataclass(frozen=True, slots=True)
class Amount:
    """Calls of a model, side calls among them, and the tokens that they read and write."""

    calls: float = 0.0
    read: float = 0.0
    written: float = 0.0

    @classmethod
    def of(cls, episode: Episode) -> Amount:
        """What an episode took."""
        calls = episode.calls
        read = sum(len(call.prompt_token_ids) for call in calls)
        return cls(len(calls), read, sum(len(call.completion_token_ids) for call in calls))

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.calls + other.calls, self.read + other.read, self.written + other.written)

    def times(self, factor: float) -> Amount:
        """So many of them."""
        return Amount(self.calls * factor, self.read * factor, self.written * factor)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a command. ``usual``: as the scripted expert does it, ``None`` where it cannot; ``most``: never more.

    ``episodes`` counts those that are played; ``most`` may hold further ones. ``seconds``: what ``usual`` would take,
    as fast as ``speeds`` say that earlier runs were; ``None`` where none says anything.
    """

    name: str
    episodes: int
    usual: Amount | None
    most: Amount
    seconds: float | None = None
    speeds: tuple[Speed, ...] = ()

    def row(self, prices: Prices | None) -> dict[str, Any]:
        """Ready for JSON. Money only where prices are known, without what a cache may save."""
        usual, most = self.usual, self.most
        row: dict[str, Any] = {
            "part": self.name,
            "episodes": self.episodes,
            "calls": None if usual is None else round(usual.calls),
            "tokens": None if usual is None else round(usual.read + usual.written),
            "calls at most": round(most.calls),
            "tokens at most": round(most.read + most.written),
        }
        if prices is not None:
            row["cost"] = None if usual is None else _money(usual, prices)
            row["cost at most"] = _money(most, prices)
        row["seconds"] = None if self.seconds is None else round(self.seconds, 1)
        row["currency"] = prices.currency if prices is not None else None
        return row


def total(parts: Iterable[Part], name: str = "all") -> Part:
    """All of ``parts`` as one."""
    known = list(parts)
    timed = [part.seconds for part in known if part.seconds is not None]
    usual = [part.usual for part in known if part.usual is not None]
    return Part(
        name,
        sum(part.episodes for part in known),
        sum(usual, Amount()) if len(usual) == len(known) else None,
        sum((part.most for part in known), Amount()),
        math.fsum(timed) if len(timed) == len(known) else None,
        tuple(dict.fromkeys(speed for part in known for speed in part.speeds)),
    )


def most_of(task: Task, parts: RolloutContext, *, observation: int, side: int, window: int) -> Amount:
    """What an episode of ``task`` takes at most, look-backs and retries left out.

    Where the memory has a bound, prompt and completion of a call hold no more than |P| and the bound; else no more than
    all that the budgets let stand in the turns before, and the episode ends where the next turn might not fit.

    Args:
        task: What is to be done.
        parts: Of the episode; its engine only lends its tokenizer.
        observation: Budget of an observation, in tokens.
        side: Most tokens that a side call writes, of which there may be one a turn; 0 where there are none.
        window: The model's context: most tokens of prompt and completion.
    """
    env = parts.make_env(task)
    agent = parts.agent(env, session="forecast", seed=0)
    agent.start(*env.reset())
    memory = agent.memory
    begun, written = len(memory.context()), sum(section.budget for section in memory.sections())
    bound = memory.bound()
    limit = min(window, memory.prefix_length + min(one for one in (parts.cap, bound, window) if one is not None))
    amount = Amount()
    for turn in range(env.max_turns):
        read = limit - written if bound is not None else begun + turn * (written + observation)
        if read < 0 or read + written > limit:
            break
        amount += Amount(1, read, written)
        if side:
            amount += Amount(1, max(0, limit - side), min(side, limit))
    return amount


def _money(amount: Amount, prices: Prices) -> float:
    return prices.cost(prompt=round(amount.read), cached=0, completion=round(amount.written))
