"""What an episode cost in money."""

from __future__ import annotations

from mem1.evaluation.efficiency import Call, cached
from mem1.prices import Prices
from mem1.types import Episode, Turn


def cost(episode: Episode, prices: Prices | None, side_prices: Prices | None = None) -> float | None:
    """The cost of all calls of ``episode``, side calls included; ``None`` where that of one is not known.

    A call costs what its backend says; else the price of the tokens that its backend counted; else that of the tokens
    in the record, those that a cache would hold at the price of cached ones. ``prices`` are those of the policy, and
    ``side_prices`` those of another model that answers side calls: one is never taken for the other.
    """
    calls = episode.calls
    costs = [
        _cost(call, held, prices if isinstance(call, Turn) or call.by_policy else side_prices)
        for call, held in zip(calls, cached(calls), strict=True)
    ]
    known = [one for one in costs if one is not None]
    return sum(known) if calls and len(known) == len(costs) else None


def _cost(call: Call, held: int, prices: Prices | None) -> float | None:
    usage = call.usage
    if usage is not None and usage.cost is not None:
        return usage.cost
    if prices is None:
        return None
    if usage is not None:
        return prices.cost(prompt=usage.prompt_tokens, cached=usage.cached_tokens, completion=usage.completion_tokens)
    return prices.cost(prompt=len(call.prompt_token_ids), cached=held, completion=len(call.completion_token_ids))
