"""The official client of the OpenAI formats against the server of our tests: it speaks what real ones do, as we do.

What the two clients send is compared byte by byte as JSON, and what each reads of the answer.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mem1.http.errors import (
    BadAnswerError,
    DeniedError,
    HttpError,
    RateLimitError,
    RefusedError,
    UnavailableError,
    UnreachableError,
)
from mem1.inference.base import Request, Section
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.openai_engine import OpenAiEngine
from mem1.inference.tokenizers.toy import ByteTokenizer
from tests.unit.inference.endpoint_server import Fault, Model, Reply, Server, script

openai = pytest.importorskip("openai")
TOKENIZER = ByteTokenizer()
TEXT = "<answer>Malmö 奥斯陆</answer>"
KEY = "sk-test-0123456789"
MESSAGES = [{"role": "user", "content": "x"}]


def serve(fault: Fault = lambda proper, number: proper) -> Server:
    return Server(Model(TOKENIZER, script(TOKENIZER, lambda context: TEXT)), fault)


def official(url: str) -> Any:
    return openai.OpenAI(api_key=KEY, base_url=url, max_retries=0)


def ours(url: str, **settings: Any) -> OpenAiEngine:
    return OpenAiEngine(OpenAiConfig(base_url=url, retries=0, key_env="MEM1_TEST_KEY", **settings), "name", TOKENIZER)


def ask(engine: OpenAiEngine) -> Any:
    section = Section("a", (), ("</answer>",), 40)
    request = Request(tuple(TOKENIZER.encode("P: ö")), (section,), "s", seed=3, temperature=0.5)
    return asyncio.run(engine.generate(request))


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MEM1_TEST_KEY", KEY)


@pytest.mark.parametrize("style", ["chat", "completion"])
def test_both_send_the_same_and_read_the_same(style: Any) -> None:
    with serve() as server:
        completion = ask(ours(server.url, style=style))
        (path, headers, body) = server.requests[0]
        made = official(server.url)
        create = made.chat.completions.create if style == "chat" else made.completions.create
        answer = create(**body)
        (their_path, their_headers, their_body) = server.requests[1]
    assert (path, body, headers["authorization"]) == (their_path, their_body, their_headers["authorization"])
    choice = answer.choices[0]
    text = choice.message.content if style == "chat" else choice.text
    assert TOKENIZER.decode(completion.token_ids) == text + "</answer>" == TEXT
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens, completion.usage.cached_tokens) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
        answer.usage.prompt_tokens_details.cached_tokens,
    )


@pytest.mark.parametrize(
    ("status", "theirs", "kind"),
    [
        (400, "BadRequestError", RefusedError),
        (401, "AuthenticationError", DeniedError),
        (403, "PermissionDeniedError", RefusedError),
        (404, "NotFoundError", RefusedError),
        (409, "ConflictError", UnavailableError),
        (422, "UnprocessableEntityError", RefusedError),
        (429, "RateLimitError", RateLimitError),
        (500, "InternalServerError", UnavailableError),
        (503, "InternalServerError", UnavailableError),
    ],
)
def test_both_see_the_same_failures(status: int, theirs: str, kind: type[HttpError]) -> None:
    with serve(lambda proper, number: Reply(status, b'{"error": {"message": "no"}}')) as server:
        with pytest.raises(kind) as caught:
            ask(ours(server.url))
        assert type(caught.value) is kind
        with pytest.raises(getattr(openai, theirs)):
            official(server.url).chat.completions.create(model="name", messages=MESSAGES, max_tokens=9)


def test_both_see_that_nobody_is_there() -> None:
    with serve() as server:
        pass
    with pytest.raises(UnreachableError):
        ask(ours(server.url))
    with pytest.raises(openai.APIConnectionError):
        official(server.url).chat.completions.create(model="name", messages=MESSAGES, max_tokens=9)


def test_an_answer_that_is_none_is_one_only_to_the_other() -> None:
    """Why answers are read by models of our own: a page with status 200 is text to the official client."""
    with serve(lambda proper, number: Reply(body=b"<html>", headers={"content-type": "text/html"})) as server:
        with pytest.raises(BadAnswerError):
            ask(ours(server.url))
        found = official(server.url).chat.completions.create(model="name", messages=MESSAGES, max_tokens=9)
    assert found == "<html>"
