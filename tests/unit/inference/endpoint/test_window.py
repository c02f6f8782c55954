"""What each server says of its window, in the form in which it was seen to say it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mem1.http.errors import UnreachableError
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.window import Window, discover
from mem1.inference.tokenizers.utf8 import Utf8Tokenizer
from tests.unit.inference.endpoint_server import Model, Server, script

LLAMA = {"default_generation_settings": {"n_ctx": 1024}, "bos_token": "<|im_start|>", "eos_token": "<|im_end|>"}


def ask(pages: dict[str, Any], model: str | None = "m") -> Window:
    tokenizer = Utf8Tokenizer()
    with Server(Model(tokenizer, script(tokenizer, lambda context: "")), pages=pages) as server:
        return asyncio.run(discover(OpenAiConfig(base_url=server.url), model))


@pytest.mark.parametrize(
    ("pages", "tokens", "said_by"),
    [
        ({"/props": LLAMA, "/v1/models": {"data": [{"id": "m", "meta": {"n_ctx_train": 8192}}]}}, 1024, "/props"),
        ({"/v1/models": {"data": [{"id": "x.gguf", "meta": {"n_ctx": 2048, "n_ctx_train": 8192}}]}}, 2048, "/models"),
        ({"/v1/models": {"data": [{"id": "m", "max_model_len": 512}]}}, 512, "/models"),
        ({"/api/ps": {"models": [{"name": "m:latest", "context_length": 4096}]}}, 4096, "/api/ps"),
        ({"/api/ps": {"models": [{"name": "other", "context_length": 4096}]}}, None, ""),
        ({"/api/v0/models": {"data": [{"id": "m", "loaded_context_length": 4096, "max_context_length": 32768}]}}, 4096,
         "/api/v0/models"),
        ({"/info": {"max_input_tokens": 3000, "max_total_tokens": 4000}}, 4000, "/info"),
        ({"/v1/models": {"data": [{"id": "a", "context_length": 1}, {"id": "m", "context_window": 131072}]}}, 131072,
         "/models"),
        ({"/v1/models": {"data": [{"id": "m", "max_input_tokens": 200000, "max_tokens": 64000}]}}, 200000, "/models"),
        ({"/v1/models": {"data": [{"id": "m", "max_model_len": True}, 7, {"id": 3}]}}, None, ""),
        ({"/v1/models": [], "/props": "no", "/info": None, "/api/ps": {"models": 3}}, None, ""),
        ({}, None, ""),
    ],
)  # fmt: skip
def test_the_window_is_read_where_the_server_tells_it(pages: dict[str, Any], tokens: int | None, said_by: str) -> None:
    window = ask(pages)
    assert (window.tokens, window.said_by) == (tokens, said_by)


def test_names_and_control_strings_are_told_too() -> None:
    window = ask({"/props": LLAMA, "/v1/models": {"data": [{"id": "one"}, {"id": "two"}]}}, model=None)
    assert window.models == ("one", "two")
    assert window.special_strings == ("<|im_start|>", "<|im_end|>")


def test_a_server_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UnreachableError):
        asyncio.run(discover(OpenAiConfig(base_url="http://127.0.0.1:9/v1"), "m"))
