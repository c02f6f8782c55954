"""The words of servers for how a completion ended."""

from __future__ import annotations

from typing import Any

import pytest

from mem1.inference.endpoint.finish import Finish, finish_of

WORDS: dict[Finish, tuple[Any, ...]] = {
    Finish.ENDED: (
        *(
            "stop",
            "STOP",
            "Stop",
            " stop ",
            "eos",
            "eos_token",
            "end_turn",
            "stop_sequence",
            "stop-sequence",
            "COMPLETE",
        ),
        *(
            "completed",
            "FINISH_REASON_STOP",
            "finish_reason.stop",
            "stop_str",
            "stop_token",
            "end",
            "endoftext",
            "done",
        ),
        *("STOP_SEQUENCE", "finished", "eosFound", "stop sequence", "normal", "EOS_TOKEN", "matched_stop"),
    ),
    Finish.FULL: (
        *("length", "LENGTH", "Length", "max_tokens", "MAX_TOKENS", "max-tokens", "max tokens", "MaxTokens"),
        *("model_length", "context_length", "max_output_tokens", "max_new_tokens", "FINISH_REASON_MAX_TOKENS"),
        *("model_context_window_exceeded", "token_limit", "max_length", "maxPredictedTokensReached", "limit"),
        *("contextLengthReached", "max_completion_tokens"),
    ),
    Finish.FILTERED: (
        *(
            "content_filter",
            "content-filter",
            "CONTENT_FILTER",
            "SAFETY",
            "RECITATION",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
        ),
        *("SPII", "sensitive", "refusal", "moderation", "ERROR_TOXIC", "guardrail_intervened", "IMAGE_SAFETY"),
    ),
    Finish.TOOLS: ("tool_calls", "TOOL_CALL", "function_call", "tool_use", "tool-calls", "MALFORMED_FUNCTION_CALL"),
    Finish.FAILED: (
        *("error", "ERROR", "abort", "aborted", "cancelled", "insufficient_system_resource", "network_error", "failed"),
        *("timeout", "interrupted"),
    ),
    Finish.UNSAID: (None, "", "  ", "null", "unspecified", 0, 1.5, [], {}, True, "FINISH_REASON_UNSPECIFIED", "OTHER"),
}


@pytest.mark.parametrize("finish", list(WORDS))
def test_words_by_meaning(finish: Finish) -> None:
    assert {repr(word): finish_of(word) for word in WORDS[finish]} == {repr(word): finish for word in WORDS[finish]}
