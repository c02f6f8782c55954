"""The openai engine: what it sends, what it makes of answers, what it costs, and what it never tells."""

from __future__ import annotations

import asyncio
import json
import logging
import traceback
from collections.abc import Callable
from typing import Any

import pytest

from mem1.errors import BackendError, ConfigError
from mem1.http.errors import BadAnswerError, RateLimitError, RefusedError, TimedOutError, UnavailableError
from mem1.inference.base import Request, Section
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.errors import InexactAnswerError, OverflowingContextError
from mem1.inference.endpoint.openai_engine import OpenAiEngine
from mem1.inference.tokenizers.toy import ByteTokenizer, CharTokenizer
from mem1.types import Completion, FinishReason, Usage
from tests.unit.inference.endpoint_server import Fault, Model, Reply, Server, Speech, changed, script

TOKENIZER = ByteTokenizer()
KEY = "sk-test-0123456789abcdef"
TURN = "<think>Lima?</think><search>capital of Peru</search>"


def ids(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER.encode(text))


STATE = Section("state", ("</think>",), ("</search>", "</answer>"), 20, ids("</think>"))
ACTION = Section("action", (), ("</search>", "</answer>"), 30)


def rest(context: str) -> str:
    """What is left of the turn behind P: it is gone on with, also behind a state that was closed by force."""
    begun = context.rpartition("\n\nGo on")[0] or context
    begun = begun.rpartition("P:")[2]
    return TURN[len(begun) :] if TURN.startswith(begun) else "<search>capital of Peru</search>"


def serve(fault: Fault | None = None, speech: Speech | None = None, write: Callable[[str], str] = rest) -> Server:
    return Server(Model(TOKENIZER, script(TOKENIZER, write), speech), fault or (lambda reply, number: reply))


def engine_for(server: Server, **settings: Any) -> OpenAiEngine:
    if settings.get("exact"):
        settings["tokenizer"] = "the test's"
    found = {"base_url": server.url, "style": "completion", "retries": 2, "first_wait": 0.001} | settings
    return OpenAiEngine(OpenAiConfig.model_validate(found), "name", TOKENIZER)


def ask(engine: OpenAiEngine, *sections: Section, prompt: str = "P:", prefix: int = 2) -> Completion:
    request = Request(
        ids(prompt), sections or (STATE, ACTION), "s", seed=7, temperature=0.5, prefix_length=len(ids(prompt[:prefix]))
    )
    return asyncio.run(engine.generate(request))


@pytest.mark.parametrize(
    "settings",
    [
        {"style": "completion"},
        {"style": "completion", "stop_strings": 0},
        {"style": "completion", "exact": True},
        {"style": "chat"},
        {"style": "chat", "continues": True},
    ],
    ids=lambda settings: " ".join(f"{key}={value}" for key, value in settings.items()),
)
@pytest.mark.parametrize("tells", [True, False], ids=["tells its stops", "does not"])
def test_a_turn_comes_back_whole(settings: dict[str, Any], tells: bool) -> None:
    with serve(speech=Speech(tells_stop=tells)) as server:
        completion = ask(engine_for(server, **settings))
    assert TOKENIZER.decode(completion.token_ids) == TURN
    assert completion.section_ends == (len(ids("<think>Lima?</think>")), len(ids(TURN)))
    assert completion.finish is FinishReason.STOP
    assert all(completion.sampled)
    assert completion.exact == bool(settings.get("exact"))
    assert set(completion.logprobs) == ({-0.25} if completion.exact else {0.0})


@pytest.mark.parametrize("exact", [True, False], ids=["token ids", "text"])
def test_a_full_state_is_closed_and_the_action_gone_on_with(exact: bool) -> None:
    """Of 8 tokens of state one is the closing tag, so that 7 are kept: ``<think>`` and ``Lima? a``."""

    def long(context: str) -> str:
        begun = context.rpartition("P:")[2]
        return "<search>q</search>" if begun.endswith("</think>") else "<think>Lima? and so on and on"[len(begun) :]

    with serve(write=long) as server:
        completion = ask(
            engine_for(server, exact=exact), Section("state", ("</think>",), (), 8, ids("</think>")), ACTION
        )
    assert TOKENIZER.decode(completion.token_ids) == "<think>Lima? </think><search>q</search>"
    assert completion.section_ends == (8, 11)
    assert [i for i, sampled in enumerate(completion.sampled) if not sampled] == [7]
    prompts = [body["prompt"] for _, _, body in server.requests]
    second = "P:<think>Lima? </think>"
    assert prompts == ([list(ids("P:")), list(ids(second))] if exact else ["P:", second])
    assert [body["max_tokens"] for _, _, body in server.requests] == [7, 30]
    assert [body["seed"] for _, _, body in server.requests] == [7, 8]


def test_what_is_sent() -> None:
    with serve() as server:
        engine = engine_for(
            server,
            style="chat",
            stop_strings=1,
            max_tokens_key="max_completion_tokens",
            omit=["temperature"],
            extra={"top_p": 0.9},
        )
        ask(engine, prompt="P:</answer>", prefix=2)
    ((path, headers, body),) = server.requests
    assert path == "/v1/chat/completions"
    assert "authorization" not in headers
    assert body == {
        "model": "name",
        "max_completion_tokens": 49,
        "seed": 7,
        "stop": ["</search>"],
        "top_p": 0.9,
        "messages": [{"role": "user", "content": "P:</answer>"}],
    }


def test_carried_text_stands_as_the_assistants() -> None:
    with serve() as server:
        ask(engine_for(server, style="chat", continues=True), prompt="P:<think>Li", prefix=2)
    body = server.requests[0][2]
    assert [message["content"] for message in body["messages"]] == ["P:", "<think>Li"]
    assert (body["continue_final_message"], body["add_generation_prompt"]) == (True, False)


def test_what_it_costs() -> None:
    """Two calls: 2 + 1 tokens of prompt cached of 2 and 10; the model writes 7 and 3."""
    prices = {"input": 2.0, "cached_input": 0.5, "output": 10.0}
    section = Section("state", ("</think>",), (), 8, ids("</think>"))
    with serve(write=lambda context: "<search>q</search>" if "</think>" in context else "<think>Lima? a") as server:
        usage = ask(engine_for(server, prices=prices), section, ACTION).usage
        free = ask(engine_for(server), section, ACTION).usage
    assert usage is not None
    assert free is not None
    assert free.cost is None
    expected = Usage(calls=2, prompt_tokens=2 + 10, cached_tokens=1 + 5, completion_tokens=7 + 3, seconds=0)
    assert usage.model_copy(update={"seconds": 0.0, "cost": None}) == expected
    assert usage.seconds > 0
    assert usage.cost == pytest.approx((6 * 2.0 + 6 * 0.5 + 10 * 10.0) / 1e6)


def test_what_is_not_counted_is_not_made_up() -> None:
    with serve(speech=Speech(counts=False)) as server:
        assert ask(engine_for(server, prices={"input": 1, "output": 1})).usage is None


def test_no_more_calls_at_a_time_than_slots() -> None:
    with serve() as server:
        server.delay = 0.02
        engine = engine_for(server, slots=3)

        async def many() -> None:
            await asyncio.gather(
                *(engine.generate(Request(ids("P:"), (STATE, ACTION), f"s{i}", seed=i)) for i in range(12))
            )

        asyncio.run(many())
    assert server.most_at_once == 3


@pytest.mark.parametrize(
    ("reply", "kind", "tries"),
    [
        (Reply(429, b"slow down", {"retry-after": "0"}), RateLimitError, 3),
        (Reply(429, b'{"error": {"code": "insufficient_quota"}}'), RefusedError, 1),
        (Reply(429, b"", {"retry-after": "3600"}), RateLimitError, 1),
        (Reply(503, b""), UnavailableError, 3),
        (Reply(400, b"no such parameter"), RefusedError, 1),
        (Reply(400, b"context too long"), OverflowingContextError, 1),
        (Reply(401, b"who are you"), RefusedError, 1),
        (Reply(404, b""), RefusedError, 1),
        (Reply(308, b"", {"location": "http://127.0.0.1:9/v1"}), RefusedError, 1),
        (Reply(200, b"\xff\xfe{"), BadAnswerError, 3),
        (Reply(hang=True), TimedOutError, 3),
        (Reply(body=b"x" * 100, cut=True), UnavailableError, 3),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_failures_have_kinds(reply: Reply, kind: type[BackendError], tries: int) -> None:
    with serve(lambda proper, number: reply) as server:
        engine = engine_for(server, timeouts={"read": 0.1}, longest_wait=1)
        with pytest.raises(kind) as caught:
            ask(engine)
    assert len(server.requests) == tries
    assert caught.value.hint
    assert caught.value.where == server.url


def test_nobody_listens() -> None:
    with serve() as server:
        pass
    with pytest.raises(UnavailableError, match="connection failed"):
        ask(engine_for(server, retries=0))


def test_a_slow_drip_is_cut_off_by_the_limit_on_the_whole() -> None:
    with serve() as server:
        server.delay = 2.0
        with pytest.raises(TimedOutError):
            ask(engine_for(server, retries=0, timeouts={"read": 30, "total": 0.1}))


def test_what_passes_is_tried_again() -> None:
    bad = [Reply(500, b"x"), Reply(429, b"x"), Reply(body=b"{}")]
    with serve(lambda proper, number: bad[number] if number < 3 else proper) as server:
        completion = ask(engine_for(server, retries=3))
    assert TOKENIZER.decode(completion.token_ids) == TURN
    assert len(server.requests) == 3 + 2, "19 tokens of state do not hold the turn: there is a second call"


@pytest.mark.parametrize(
    ("speech", "what"),
    [
        (Speech(returns_ids=False), "does not return the token ids"),
        (Speech(returns_logprobs=False), "0 log-probabilities for"),
    ],
)
def test_exact_tokens_or_none(speech: Speech, what: str) -> None:
    with serve(speech=speech) as server, pytest.raises(InexactAnswerError, match=what):
        ask(engine_for(server, exact=True))
    assert len(server.requests) == 1


def test_another_prompt_than_the_one_given() -> None:
    def shift(content: dict[str, Any]) -> None:
        content["choices"][0]["prompt_token_ids"].insert(0, 1)

    with (
        serve(lambda proper, number: changed(proper, shift)) as server,
        pytest.raises(InexactAnswerError, match="used 3 other ids"),
    ):
        ask(engine_for(server, exact=True))


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
def test_the_key_is_told_to_nobody(
    status: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A server that repeats the key in whatever it says: in errors, in headers, in a completion."""
    monkeypatch.setenv("MEM1_TEST_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    echo = json.dumps({"error": {"message": f"Incorrect key {KEY} in Authorization: Bearer {KEY}"}}).encode()

    def fault(proper: Reply, number: int) -> Reply:
        if status != 200:
            return Reply(status, echo)
        return changed(proper, lambda content: content["choices"][0].update(text=f"<think>{KEY}</think><search>x"))

    with serve(fault) as server:
        engine = engine_for(server, key_env="MEM1_TEST_KEY", retries=1)
        if status == 200:
            text = ask(engine, Section("a", (), ("</search>",), 200)).model_dump_json()
            text += TOKENIZER.decode(ask(engine, Section("a", (), ("</search>",), 200)).token_ids)
            assert "<think>[key]</think>" in text
        else:
            with pytest.raises(BackendError) as caught:
                ask(engine)
            text = "".join(traceback.format_exception(caught.value)) + repr(caught.value)
            assert "[key]" in text
    assert server.requests[0][1]["authorization"] == f"Bearer {KEY}"
    assert KEY not in text + caplog.text + repr(engine.__dict__)


def test_a_key_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEM1_TEST_KEY", raising=False)
    config = OpenAiConfig(base_url="http://localhost:1/v1", key_env="MEM1_TEST_KEY")
    with pytest.raises(ConfigError, match="MEM1_TEST_KEY is not set"):
        OpenAiEngine(config, "m", CharTokenizer())


def test_closing_fails_what_is_under_way() -> None:
    with serve(lambda proper, number: Reply(hang=True)) as server:
        engine = engine_for(server)

        async def go() -> None:
            call = asyncio.create_task(engine.generate(Request(ids("P:"), (STATE, ACTION), "s")))
            while not server.requests:
                await asyncio.sleep(0.01)
            await engine.close()
            with pytest.raises(BackendError, match="closed"):
                await call

        asyncio.run(go())


def test_cancelling_is_not_an_error_of_the_backend() -> None:
    with serve(lambda proper, number: Reply(hang=True)) as server:
        engine = engine_for(server)

        async def go() -> None:
            call = asyncio.create_task(engine.generate(Request(ids("P:"), (STATE, ACTION), "s")))
            while not server.requests:
                await asyncio.sleep(0.01)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call

        asyncio.run(go())


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"exact": True, "style": "completion"}, "needs engine.tokenizer"),
        ({"exact": True, "tokenizer": "x"}, 'needs style = "completion"'),
        ({"chat": True}, "the server applies the template"),
        ({"chat": True, "style": "completion"}, "needs engine.tokenizer"),
        ({"key_env": "sk-123-456"}, "not the key itself"),
        ({"base_url": "http://user:pass@host/v1"}, "without user"),
        ({"base_url": "localhost:8000"}, "an address such as"),
        ({"extra": {"stream": True}}, "the engine itself sets stream"),
        ({"extra": {"api_key": "sk-1"}}, "keys never stand in a recipe"),
    ],
)
def test_settings_that_contradict_each_other(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        OpenAiConfig.model_validate({"base_url": "http://localhost/v1"} | settings)
