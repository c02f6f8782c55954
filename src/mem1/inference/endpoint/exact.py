"""Token ids and log-probabilities of a server that returns them (vLLM), checked one by one."""

from __future__ import annotations

import math
from typing import Any

from mem1.inference.endpoint.answers import TextChoice
from mem1.inference.endpoint.errors import InexactAnswerError

_HINT = "serve the model with vLLM, which returns token ids and log-probabilities, or set engine.exact = false"
_ABOVE_ZERO = 1e-3  # nats that rounding may add to a certain token


def exact_tokens(choice: TextChoice, prompt: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """The ids that were sampled behind ``prompt``, and their log-probabilities.

    Raises ``InexactAnswerError`` where the server gives none, not one for each token, no finite ones, or used another
    prompt.
    """
    written, read = _ids(choice.token_ids), _ids(choice.prompt_token_ids)
    if written is None or read is None:
        raise InexactAnswerError("the server does not return the token ids that it sampled", hint=_HINT)
    if read != prompt:
        raise InexactAnswerError(
            f"the server used {len(read)} other ids as its prompt than the {len(prompt)} given", hint=_HINT
        )
    said = choice.logprobs.get("token_logprobs") if isinstance(choice.logprobs, dict) else None
    found = [value for value in said if value is not None] if isinstance(said, list) else []
    if len(found) != len(written):
        raise InexactAnswerError(
            f"the server returns {len(found)} log-probabilities for {len(written)} tokens", hint=_HINT
        )
    return written, tuple(map(_logprob, found))


def _ids(value: Any) -> tuple[int, ...] | None:
    if not isinstance(value, list) or not all(type(one) is int and 0 <= one < 2**31 for one in value):
        return None
    return tuple(value)


def _logprob(value: Any) -> float:
    number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    if not math.isfinite(number) or number > _ABOVE_ZERO:
        raise InexactAnswerError(
            f"the server returns {value!r:.40} as a log-probability",
            hint="its logits are broken: look at the model's weights and the type they are computed in",
        )
    return min(number, 0.0)
