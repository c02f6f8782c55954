"""Making strategies equal in the one thing that is compared: the largest context they may need."""

from __future__ import annotations

from mem1.errors import ConfigError
from mem1.inference.base import Tokenizer
from mem1.memory.config import MemoryConfig


def fitted(config: MemoryConfig, cap: int, tokenizer: Tokenizer) -> MemoryConfig:
    """``config`` sized so that its bound comes as close to ``cap`` as it can without exceeding it.

    Where two pages or two summaries are in context at once, one token may be left over.

    Raises:
        ConfigError: Not even the smallest size fits.
    """
    if config.build()(tokenizer).bound() is None:
        return config
    low, high = 0, cap  # by bisection: size `low` does not exceed the cap, `high + 1` does
    while low < high:
        middle = (low + high + 1) // 2
        if _bound(config.sized(middle), tokenizer) <= cap:
            low = middle
        else:
            high = middle - 1
    found = config.sized(max(low, 1))
    try:
        reached = found.build()(tokenizer).bound() or 0
    except ConfigError as error:
        raise _too_small(config, cap) from error
    if reached > cap:
        raise _too_small(config, cap)
    return found


def _bound(config: MemoryConfig, tokenizer: Tokenizer) -> int:
    try:
        return config.build()(tokenizer).bound() or 0
    except ConfigError:
        return 0  # too small for its own tags


def _too_small(config: MemoryConfig, cap: int) -> ConfigError:
    return ConfigError(
        f"{config.type!r} cannot work with a largest context of {cap} tokens beside the prompt",
        where="evaluate.equal_budget",
        hint="give more, lower memory.budgets, or leave the strategy out",
    )
