"""Complaints of servers that a context is too long for them, as each of them words it.

There is no common code. Whose words they are stands in ``tests/unit/inference/endpoint/test_overflow.py``.
"""

from __future__ import annotations

import re

from mem1.inference.endpoint.errors import OverflowingContextError

_CODES = (
    r"context_length_exceeded|exceed_context_size|context_window_exceeded|string_above_max_length|"
    r"request_too_large|tokens_limit_reached|max_prompt_tokens_exceeded|context_too_long|prompt_too_long"
)
_CONTEXT = r"(?:context|sequence|session|prompt|input|model(?:'s)?)[ _-]?(?:length|len|size|window|limit)"
_MOST = r"(?:max(?:imum)?|longest|available|allowed|permitted|supported)"
_WORDS = (
    rf"{_MOST} (?:model |allowed |input |total )*{_CONTEXT}",  # "this model's maximum context length is 4096 tokens"
    rf"{_CONTEXT}[^.]{{0,40}}(?:exceed|overflow|is only|too (?:long|large|small))",
    rf"(?:exceed\w*|overflow\w*|greater than|longer than|larger than|beyond)[^.]{{0,60}}{_CONTEXT}",
    r"(?:prompt|input|inputs|context|conversation|messages?) (?:is|are|was)? ?(?:too long|too large)",
    r"prompt contains [\d,]+ tokens[^.]*too large",
    r"`?inputs`? (?:tokens \+ `?max_new_tokens`? must be <=|must have less than)",
    r"(?:input|prompt) token count[^.]{0,60}exceed",
    r"exceeds? the (?:maximum|max) (?:number of|allowed) (?:input )?tokens",
    r"too many (?:input )?tokens",
    r"(?:exceeds?|greater than|longer than|over) (?:the )?max_(?:seq|model|input|position)\w*",
    r"exceeded (?:the )?(?:model )?token limit|token limit exceeded",
    r"please reduce the length of the (?:messages|prompt|input)|please reduce your message size",
    r"range of input length should be",
    r"does not (?:currently )?support mid-generation context overflow|context the overflows",
    r"(?:request )?body too large for \S+ model",
    r"超长|超过最大长度|超出最大长度",
)
_OVERFLOW = re.compile(rf"(?i){_CODES}|" + "|".join(_WORDS))
_NOT_IT = re.compile(r"(?i)supports at most [\d,]+ completion tokens")  # what was to be written, whatever the context
_LIMITED = frozenset({401, 402, 403, 404, 408, 429, 498})  # these speak of the caller or of a rate


def overflow(status: int, complaint: str) -> OverflowingContextError | None:
    """The error that ``complaint`` is, if it says that the context is too long; some servers say so with a 500."""
    if status in _LIMITED or (status != 413 and not _OVERFLOW.search(complaint)) or _NOT_IT.search(complaint):
        return None
    return OverflowingContextError(
        f"the server takes no context as long as that: it answered {status}: {complaint}",
        hint="set engine.max_context to what the server takes, so that episodes end before they are sent there",
    )
