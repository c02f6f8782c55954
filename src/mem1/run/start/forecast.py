"""What tasks of one's own can take at most, said before the first call; no server is asked and no tool is started."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mem1.inference.base import Tokenizer
from mem1.inference.config import PLAIN_TOKENIZER, OpenAiConfig
from mem1.inference.folders import find_folder, local_tokenizer
from mem1.prices import Prices
from mem1.run.config import RunConfig
from mem1.run.start.offers import make_space
from mem1.run.start.prompt import render

_NO_WINDOW = 1_000_000


def forecast(config: RunConfig, tasks: Sequence[str]) -> dict[str, Any]:
    """Turns, tokens and money of ``tasks`` at most, look-backs, retries and what tools themselves cost left out.

    The prompt is counted with all the room that descriptions of tools may take (``told``). A call holds no more than
    the memory's bound beside it, nor more than the model's context. ``limits`` hold as well. Raises ``ModelError``.
    """
    tokenizer = _tokenizer(config)
    memory = config.memory.build()(tokenizer, make_space(config, (), tokenizer))
    bound, window = memory.bound(), config.engine.max_context or _NO_WINDOW
    written = config.memory.budgets.state + config.memory.budgets.action
    prices: Prices | None = getattr(config.engine, "prices", None)
    limits, turns = config.limits, config.limits.turns
    tokens = cost = 0.0
    for task in tasks:
        prompt = render(task, memory.actions, config.memory.tags, tokenizer)
        length = len(tokenizer.encode(f"{prompt}\n{memory.actions.describe()}")) + config.told
        largest = min(window, length + bound) if bound is not None else window
        taken = float(turns * largest)
        tokens += taken if limits.tokens is None else min(taken, limits.tokens)
        if prices is not None:
            money = turns * prices.cost(prompt=max(0, largest - written), cached=0, completion=written)
            cost += money if limits.cost is None else min(money, limits.cost)
    return {
        "tasks": len(tasks),
        "turns at most": turns * len(tasks),
        "tokens at most": round(tokens),
        "cost at most": cost if prices is not None else None,
        "currency": prices.currency if prices is not None else None,
    }


def _tokenizer(config: RunConfig) -> Tokenizer:
    engine = config.engine
    if isinstance(engine, OpenAiConfig):
        return local_tokenizer(
            engine.tokenizer or config.model, chat=engine.chat, special_strings=engine.special_strings
        )
    if engine.type in ("transformers", "vllm"):
        return local_tokenizer(str(find_folder(config.model)))
    return local_tokenizer(PLAIN_TOKENIZER)
