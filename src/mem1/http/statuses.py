"""What a status says about a call, and about the next one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from mem1.http.errors import BadAnswerError, DeniedError, HttpError, RateLimitError, RefusedError, UnavailableError
from mem1.http.retrying import asked_wait
from mem1.http.service import Service

# 420 and 498 (out of capacity, at Groq) are no standard, and mean what 429 means; so does 529.
_ENOUGH = frozenset({420, 429, 498, 529})
# Too early, locked, a dependency that failed (TGI, where a generation broke), a client that went away (499).
_AGAIN = frozenset({408, 409, 423, 424, 425, 460, 499})
_DENIED = frozenset({401, 402, 407})
_NO_MONEY = re.compile(
    r"(?i)insufficient[_ ](quota|balance|credits?|funds)|billing_hard_limit|exceeded your current quota|"
    r"credit balance is too low|account is not active"
)


def failure(status: int, complaint: str, headers: Mapping[str, str], service: Service) -> HttpError:
    """The error that an answer with ``status`` is; ``complaint`` is one redacted line of it."""
    what = f"{service.name} answered {status}: {complaint}"
    keys, asked = service.keys, asked_wait(headers)
    if status in _DENIED or (400 <= status < 500 and _NO_MONEY.search(complaint)):
        return DeniedError(what, hint=_denied(status, service))
    if status in _ENOUGH:
        return RateLimitError(what, hint=f"lower {keys.slots}, or raise {keys.retries}", asked_wait=asked)
    if status in _AGAIN or status >= 500:
        hint = f"look at {service.name}; {keys.retries} says how often it is asked again"
        return UnavailableError(what, hint=hint, asked_wait=asked)
    return RefusedError(what, hint=_refused(status, service))


def hidden_failure(answer: Any, service: Service) -> HttpError | None:
    """What an answer with status 200 says that holds nothing but an error, as routers send it when it is too late."""
    error = answer.get("error") if isinstance(answer, dict) else None
    if not error:
        return None
    complaint = json.dumps(error, ensure_ascii=False)[:300]
    code = error.get("code", error.get("status")) if isinstance(error, dict) else None
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    if isinstance(code, int) and 400 <= code < 600:
        return failure(code, complaint, {}, service)
    return BadAnswerError(f"{service.name} answered with an error: {complaint}", hint=f"look at {service.name}")


def _denied(status: int, service: Service) -> str:
    if status in (401, 407):
        return f"see that the variable of {service.keys.key} holds a key that is valid for {service.name}"
    return "the account has no money left: pay, or use another key"


def _refused(status: int, service: Service) -> str:
    keys = service.keys
    match status:
        case 403:
            return f"see that the key in the variable of {keys.key} may do what is asked of {service.name}"
        case 404 | 405:
            return f"see that {keys.url} ends where the paths of {service.name} begin, and that it knows the model"
        case status if 300 <= status < 400:
            return f"redirects are not followed, the key would go with them: give the new address as {keys.url}"
    return keys.refused
