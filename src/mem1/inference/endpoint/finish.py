"""How a completion ended, from the many words that servers have for it."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any


class Finish(StrEnum):
    """What a server's ``finish_reason`` comes to."""

    ENDED = "ended"  # by itself, or at a stop string
    FULL = "full"  # out of tokens, or of context
    FILTERED = "filtered"
    TOOLS = "tools"
    FAILED = "failed"
    UNSAID = "unsaid"


# In this order: "content_filter_stop" is filtered, "max_tokens_stop" is full.
_MEANINGS = (
    (Finish.FILTERED, r"filter|safety|block|moderat|recitation|prohibited|sensitive|refus|spii|toxic|guardrail"),
    (Finish.TOOLS, r"tool|function"),
    (Finish.FULL, r"length|max_?(\w+_)?tok|limit|budget|context_window"),
    (Finish.FAILED, r"error|abort|cancel|fail|insufficient|interrupt|time_?out|overload|malformed|disconnect"),
    (Finish.ENDED, r"stop|end|eos|complete|finish|done|normal|success"),
)
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")  # contextLengthReached
_FORE = re.compile(r"^(?:finish_?reason[_:. ]*)", re.IGNORECASE)


def finish_of(reason: Any) -> Finish:
    """``reason`` as OpenAI, vLLM, SGLang, TGI, llama.cpp, Mistral, Cohere, Gemini, Anthropic and others write it."""
    if not isinstance(reason, str):
        return Finish.UNSAID
    word = _HUMP.sub("_", _FORE.sub("", reason.strip())).lower().replace("-", "_").replace(" ", "_")
    for meaning, pattern in _MEANINGS:
        if re.search(pattern, word):
            return meaning
    return Finish.UNSAID
