"""The served model's window, asked for before the first turn: it sets the bound, or refuses one that it cannot hold."""

from __future__ import annotations

from collections.abc import Callable

from mem1.errors import ConfigError
from mem1.inference.config import PLAIN_TOKENIZER, OpenAiConfig
from mem1.inference.endpoint.window import discover
from mem1.run.config import RunConfig

DEFAULT_MODEL = "default"
_SHARE = 0.7  # of the window that is used where tokens are only estimated


async def with_window(config: RunConfig, note: Callable[[str], None]) -> RunConfig:
    """``config`` with the model and the window that its server names; as it is where no server is asked.

    ``note`` is told what was found. Raises ``ConfigError`` where ``engine.max_context`` says more than the server can
    hold, ``HttpError`` where nobody is there or the key is refused.
    """
    engine = config.engine
    if not isinstance(engine, OpenAiConfig):
        return config
    window = await discover(engine, None if config.model == DEFAULT_MODEL else config.model)
    model = config.model
    if model == DEFAULT_MODEL and window.models:
        model = window.models[0]
    await engine.check(model)
    changes: dict[str, object] = {}
    if window.special_strings:
        changes["special_strings"] = tuple(dict.fromkeys((*engine.special_strings, *window.special_strings)))
    chosen = engine.max_context != OpenAiConfig.model_fields["max_context"].default
    if window.tokens is None:
        note(
            f"{model}: the server does not tell its window; engine.max_context = {engine.max_context:,} is taken for "
            "it. A server that holds less may cut contexts without a word."
        )
    elif chosen and engine.max_context > window.tokens:
        raise ConfigError(
            f"the server holds {window.tokens:,} tokens, not {engine.max_context:,} ({window.said_by})",
            where="engine.max_context",
            hint="lower it, leave it out, or serve the model with a larger context",
        )
    elif not chosen:
        estimated = engine.tokenizer == PLAIN_TOKENIZER
        usable = int(window.tokens * _SHARE) if estimated else window.tokens
        changes["max_context"] = usable
        why = ", of which 70 % are used: tokens are estimated (engine.tokenizer counts them)" if estimated else ""
        note(f"{model}: a window of {window.tokens:,} tokens ({window.said_by}){why}")
    return config.model_copy(update={"model": model, "engine": engine.model_copy(update=changes)})
