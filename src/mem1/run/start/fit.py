"""Making the budgets fit the model's window, before the first turn and not after the hundredth."""

from __future__ import annotations

from mem1.actions import ActionSpace
from mem1.errors import ConfigError
from mem1.inference.base import Tokenizer
from mem1.memory.config import MemoryConfig
from mem1.memory.text.format import Budgets
from mem1.run.config import LEAST_OBSERVATION


def fit_memory(
    config: MemoryConfig, tokenizer: Tokenizer, space: ActionSpace, prompt: int, window: int
) -> MemoryConfig:
    """``config`` with budgets whose bound fits beside a prompt of ``prompt`` tokens into ``window``.

    Budgets that nobody chose are lowered, all by the same factor. Raises ``ConfigError`` where those that somebody
    chose do not fit, or where there is too little room for any.
    """
    bound = config.build()(tokenizer, space).bound()
    if bound is None or prompt + bound <= window:
        return config
    budgets = config.budgets
    factor = (window - prompt) / bound
    lower = budgets.model_copy(
        update={
            "state": int(budgets.state * factor),
            "action": int(budgets.action * factor),
            "observation": int(budgets.observation * factor),
        }
    )
    chosen = budgets != Budgets()
    if chosen or factor <= 0 or lower.observation < LEAST_OBSERVATION or lower.action < LEAST_OBSERVATION // 4:
        raise ConfigError(
            f"a prompt of {prompt} tokens and a bound of {bound} need more than the window of {window}",
            where="memory.budgets" if chosen else "engine.max_context",
            hint="serve the model with a larger context, offer fewer tools (--tools, told), or lower memory.budgets",
        )
    fitted = config.model_copy(update={"budgets": lower})
    reached = fitted.build()(tokenizer, space).bound()
    if reached is None or prompt + reached <= window:
        return fitted
    raise ConfigError(
        f"with {config.type!r} a prompt of {prompt} tokens and a bound of {reached} exceed the window of {window}",
        where="memory",
        hint="lower its own sizes too, or use the memory 'state'",
    )
