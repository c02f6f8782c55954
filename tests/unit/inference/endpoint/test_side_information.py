"""A completion that was paid for is kept, whatever stands beside it: counts, reasons, spellings of its text."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from mem1.errors import BackendError
from mem1.http.errors import BadAnswerError
from mem1.inference.base import Request, Section
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.errors import FilteredError, InexactAnswerError
from mem1.inference.endpoint.openai_engine import OpenAiEngine
from mem1.inference.tokenizers.toy import ByteTokenizer
from mem1.types import Completion, FinishReason, Usage
from tests.unit.inference.endpoint_server import Model, Reply, Server, script

CASES = Path(__file__).resolve().parents[5] / "shared" / "cases" / "endpoint"
TOKENIZER = ByteTokenizer()
GOOD = "<think>I note it.</think><answer>Oslo</answer>"
SECTIONS = (
    Section("state", ("</think>",), ("</answer>",), 60, tuple(TOKENIZER.encode("</think>"))),
    Section("action", (), ("</answer>",), 60),
)
PRICES = {"input": 1.0, "cached_input": 0.1, "output": 2.0}


def completion(body: Any, *, retries: int = 2, **settings: Any) -> tuple[Completion, int]:
    """What the engine makes of a server that always answers ``body`` (JSON, or bytes), and the number of calls."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    server = Server(Model(TOKENIZER, script(TOKENIZER, lambda context: "")), lambda proper, number: Reply(body=raw))
    with server:
        found = {"base_url": server.url, "retries": retries, "first_wait": 0.001, "prices": PRICES} | settings
        engine = OpenAiEngine(OpenAiConfig.model_validate(found), "name", TOKENIZER)
        request = Request(tuple(TOKENIZER.encode("P:")), SECTIONS, "s")
        try:
            return asyncio.run(engine.generate(request)), len(server.requests)
        except BackendError as error:
            error.add_note(f"calls: {len(server.requests)}")
            raise


def chat(content: Any = GOOD, finish: Any = "stop", usage: Any = None, **message: Any) -> dict[str, Any]:
    return {"choices": [{"message": {"content": content, **message}, "finish_reason": finish}], "usage": usage}


def text_of(found: Completion) -> str:
    return TOKENIZER.decode(found.token_ids)


# ---------------------------------------------------------------- counts


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({}, None),
        (None, None),
        ({"prompt_tokens": None, "completion_tokens": None}, None),
        ({"total_tokens": 5}, None),
        ({"prompt_tokens": 5}, None),
        ({"prompt_tokens": -1, "completion_tokens": 3}, None),
        ({"prompt_tokens": 10, "completion_tokens": float("nan")}, None),
        ({"prompt_tokens": 10**30, "completion_tokens": 3}, None),
        ({"prompt_tokens": True, "completion_tokens": 3}, None),
        ({"prompt_tokens": 100.5, "completion_tokens": 10}, None),
        ({"prompt_tokens": "many", "completion_tokens": 10}, None),
        ({"prompt_tokens": [100], "completion_tokens": {}}, None),
        ("100 tokens", None),
        ([], None),
        (7, None),
        ({"prompt_tokens": 100, "completion_tokens": 10}, (100, 0, 10)),
        ({"prompt_tokens": 100.0, "completion_tokens": "10"}, (100, 0, 10)),
        ({"input_tokens": 100, "output_tokens": 10}, (100, 0, 10)),
        ({"prompt_tokens": 10, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 90}}, (10, 10, 10)),
        ({"prompt_tokens": 10, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": -4}}, (10, 0, 10)),
        ({"prompt_tokens": 10, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": None}}, (10, 0, 10)),
        ({"prompt_tokens": 10, "completion_tokens": 10, "prompt_tokens_details": "none"}, (10, 0, 10)),
        ({"prompt_tokens": 10, "completion_tokens": 10, "prompt_cache_hit_tokens": 4}, (10, 4, 10)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, (0, 0, 0)),
    ],
    ids=str,
)
def test_counts_that_make_no_sense_are_unknown_and_cost_no_text(
    usage: Any, tokens: tuple[int, int, int] | None
) -> None:
    found, calls = completion(chat(usage=usage))
    assert (text_of(found), calls) == (GOOD, 1)
    if tokens is None:
        assert found.usage is None
    else:
        prompt, cached, written = tokens
        assert found.usage is not None
        assert (found.usage.prompt_tokens, found.usage.cached_tokens, found.usage.completion_tokens) == tokens
        cost = ((prompt - cached) * 1.0 + cached * 0.1 + written * 2.0) / 1e6
        assert found.usage.cost == pytest.approx(cost)
        assert cost >= 0


# ---------------------------------------------------------------- spellings of the text


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "text", "text": GOOD}],
        [{"type": "thinking", "thinking": [{"type": "text", "text": "x"}]}, {"type": "text", "text": GOOD}],
        [{"type": "reasoning", "text": "hm"}, {"type": "output_text", "text": GOOD, "annotations": []}],
        [{"type": "redacted_thinking", "data": "xx"}, {"type": "text", "text": GOOD}],
        [{"type": "text", "text": GOOD[:10]}, {"type": "text", "text": GOOD[10:]}],
        [GOOD[:10], GOOD[10:]],
        [{"text": GOOD}],
        [{"type": "text", "text": {"value": GOOD, "annotations": []}}],
        [{"type": "image_url", "image_url": {"url": "x"}}, {"type": "text", "text": GOOD}, None, 5],
        {"type": "text", "text": GOOD},
    ],
    ids=lambda content: json.dumps(content)[:60],
)
def test_text_in_parts_is_text(content: Any) -> None:
    found, calls = completion(chat(content))
    assert (text_of(found), calls) == (GOOD, 1)


@pytest.mark.parametrize(
    "content", [5, True, [], {}, [{"type": "thinking", "thinking": "x"}], [{"type": "text"}], [5], None], ids=str
)
def test_what_is_no_text_is_no_answer(content: Any) -> None:
    with pytest.raises(BadAnswerError) as caught:
        completion(chat(content), retries=1)
    assert caught.value.__notes__ == ["calls: 2"]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (rb"<think>x \ud83d</think><answer>Oslo</answer>", "<think>x \ufffd</think><answer>Oslo</answer>"),
        (rb"<think>\ude00\ud83d</think><answer>Oslo</answer>", "<think>\ufffd\ufffd</think><answer>Oslo</answer>"),
        (rb"<think>\ud83d\ude00</think><answer>Oslo</answer>", "<think>\U0001f600</think><answer>Oslo</answer>"),
        ("<think>x</think><answer>Malmö</answer>".encode(), "<think>x</think><answer>Malmö</answer>"),
        (rb"<think>x \u0000</think><answer>Oslo</answer>", "<think>x \x00</think><answer>Oslo</answer>"),
    ],
)
def test_halves_of_pairs_and_utf8_cost_one_call(raw: bytes, text: str) -> None:
    body = b'\xef\xbb\xbf {"choices":[{"message":{"content":"' + raw + b'"},"finish_reason":"stop"}]}'
    found, calls = completion(body)
    assert (text_of(found), calls) == (text, 1)


# ---------------------------------------------------------------- how it ended


@pytest.mark.parametrize("finish", [None, "", "STOP", "eos_token", "end_turn", "COMPLETE", "unheard of", 3, ["stop"]])
def test_however_the_end_is_spelled_the_text_is_kept(finish: Any) -> None:
    found, calls = completion(chat(finish=finish))
    assert (text_of(found), calls, found.finish) == (GOOD, 1, FinishReason.STOP)


def test_an_end_that_is_left_out_costs_no_text() -> None:
    body = {
        "choices": [{"message": {"role": "assistant", "content": GOOD}, "stop_reason": {"odd": 1}, "logprobs": "?"}]
    }
    assert text_of(completion(body)[0]) == GOOD
    assert text_of(completion(chat(finish="tool_calls", tool_calls=[]))[0]) == GOOD


@pytest.mark.parametrize("finish", ["tool_calls", "function_call", "error", "abort", "insufficient_system_resource"])
def test_what_ended_otherwise_is_no_completion(finish: str) -> None:
    with pytest.raises(BadAnswerError, match=f"finish_reason '{finish}'"):
        completion(chat(finish=finish, tool_calls=[{"id": "1"}]))


@pytest.mark.parametrize("finish", ["content_filter", "SAFETY", "PROHIBITED_CONTENT", "sensitive"])
def test_what_was_withheld_is_asked_for_once(finish: str) -> None:
    with pytest.raises(FilteredError) as caught:
        completion(chat(finish=finish))
    assert caught.value.__notes__ == ["calls: 1"]


# ---------------------------------------------------------------- no progress


@pytest.mark.parametrize("content", ["word ", "w", "a few more words "])
def test_a_server_that_cuts_every_answer_short_is_asked_three_times(content: str) -> None:
    found, calls = completion(chat(content, "length"))
    assert (found.finish, calls) == (FinishReason.LENGTH, 3)
    assert text_of(found) == content * 3


def test_an_empty_answer_after_a_beginning_ends_the_turn_as_cut() -> None:
    texts = iter(["some words", ""])
    with Server(Model(TOKENIZER, script(TOKENIZER, lambda context: ""))) as server:
        server.fault = lambda proper, number: Reply(body=json.dumps(chat(next(texts), "length")).encode())
        engine = OpenAiEngine(OpenAiConfig(base_url=server.url), "name", TOKENIZER)
        found = asyncio.run(engine.generate(Request(tuple(TOKENIZER.encode("P:")), SECTIONS, "s")))
    assert (text_of(found), found.finish) == ("some words", FinishReason.LENGTH)


def test_a_server_with_a_small_limit_of_its_own_is_gone_on_with() -> None:
    """30 tokens a call are a quarter and more of what is asked for: that is progress."""
    texts = iter([GOOD[:30], GOOD[30:]])
    with Server(Model(TOKENIZER, script(TOKENIZER, lambda context: ""))) as server:
        server.fault = lambda proper, number: Reply(
            body=json.dumps(chat(next(texts), "length" if number == 0 else "stop")).encode()
        )
        engine = OpenAiEngine(OpenAiConfig(base_url=server.url), "name", TOKENIZER)
        found = asyncio.run(engine.generate(Request(tuple(TOKENIZER.encode("P:")), SECTIONS, "s")))
    assert text_of(found) == GOOD


@pytest.mark.parametrize("content", ["", None])
def test_tokens_that_all_went_into_thoughts_are_not_paid_for_again(content: str | None) -> None:
    with pytest.raises(BackendError, match="wrote nothing") as caught:
        completion(chat(content, "length", reasoning_content="hm " * 50))
    assert caught.value.__notes__ == ["calls: 1"]


def test_an_answer_of_megabytes_is_cut_before_it_is_read() -> None:
    found, calls = completion(chat("<think>" + "word " * 1_000_000, "stop"))
    assert len(found.token_ids) <= 120
    assert calls == 2, "the state is closed by force, and what comes then is asked for anew"


# ---------------------------------------------------------------- exact tokens


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"logprobs": {"token_logprobs": [float("nan"), -1.0]}}, "returns nan as a log-probability"),
        ({"logprobs": {"token_logprobs": [float("-inf"), -1.0]}}, "returns -inf as"),
        ({"logprobs": {"token_logprobs": [0.5, -1.0]}}, "returns 0.5 as"),
        ({"logprobs": {"token_logprobs": ["-1", -1.0]}}, "returns '-1' as"),
        ({"logprobs": {"token_logprobs": [True, -1.0]}}, "returns True as"),
        ({"logprobs": {"token_logprobs": None}}, "0 log-probabilities for 2"),
        ({"logprobs": "none"}, "0 log-probabilities for 2"),
        ({"token_ids": [1.5, 2]}, "does not return the token ids"),
        ({"token_ids": [-1, 2]}, "does not return the token ids"),
        ({"token_ids": "1, 2"}, "does not return the token ids"),
        ({"prompt_token_ids": None}, "does not return the token ids"),
    ],
    ids=str,
)
def test_numbers_that_are_none_are_refused_at_the_door(change: dict[str, Any], what: str) -> None:
    choice: dict[str, Any] = {
        "text": "ab",
        "finish_reason": "stop",
        "token_ids": TOKENIZER.encode("ab"),
        "prompt_token_ids": TOKENIZER.encode("P:"),
        "logprobs": {"token_logprobs": [-1.0, -1.0]},
    }
    settings: dict[str, Any] = {"style": "completion", "exact": True, "tokenizer": "its own"}
    assert completion({"choices": [choice]}, **settings)[0].logprobs == (-1.0, -1.0)
    with pytest.raises(InexactAnswerError, match=what):
        completion({"choices": [choice | change]}, **settings)


# ---------------------------------------------------------------- the cases that were found


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases here")
@pytest.mark.parametrize(
    ("name", "text", "usage"),
    [
        (
            "cached_more_than_prompt",
            GOOD,
            Usage(calls=1, prompt_tokens=10, cached_tokens=10, completion_tokens=10, seconds=0),
        ),
        ("content_list", GOOD, Usage(calls=1, prompt_tokens=100, cached_tokens=0, completion_tokens=10, seconds=0)),
        ("finish_null", GOOD, Usage(calls=1, prompt_tokens=100, cached_tokens=0, completion_tokens=10, seconds=0)),
        ("finish_upper", GOOD, Usage(calls=1, prompt_tokens=100, cached_tokens=0, completion_tokens=10, seconds=0)),
        ("surrogate", "<think>x \ufffd</think><answer>Oslo</answer>", None),
        ("usage_empty", GOOD, None),
        ("usage_nulls", GOOD, None),
        (
            "utf8_body_latin1_header",
            "<think>x</think><answer>Malmö</answer>",
            Usage(calls=1, prompt_tokens=100, cached_tokens=0, completion_tokens=10, seconds=0),
        ),
    ],
)
def test_a_case_that_was_found(name: str, text: str, usage: Usage | None) -> None:
    found, calls = completion((CASES / f"{name}.json").read_bytes(), prices=None)
    assert (text_of(found), calls) == (text, 1)
    assert (found.usage and found.usage.model_copy(update={"seconds": 0.0})) == usage


@pytest.mark.skipif(not CASES.is_dir(), reason="no cases here")
def test_the_case_of_a_few_words_a_call() -> None:
    found, calls = completion((CASES / "length_few_words.json").read_bytes())
    assert (found.finish, calls) == (FinishReason.LENGTH, 3)
