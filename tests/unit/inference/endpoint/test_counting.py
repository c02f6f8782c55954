"""A server that reads less of a context than it was sent."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from mem1.inference.base import Request, Section
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.counting import ContextWatch
from mem1.inference.endpoint.openai_engine import OpenAiEngine
from mem1.inference.tokenizers.toy import ByteTokenizer
from mem1.types import Usage
from tests.unit.inference.endpoint_server import Model, Reply, Server, script


@pytest.mark.parametrize(
    ("calls", "cut"),
    [
        ([(1000, 4)], [True]),
        ([(1000, 499)], [True]),
        ([(1000, 500)], [False]),  # half as many tokens is what another tokenizer may count
        ([(99, 1)], [False]),  # too little to say anything
        ([(1000, 1000), (2000, 1999), (8000, 4096)], [False, False, True]),  # a limit of 4,096
        ([(1000, 900), (2000, 1800), (6000, 4096)], [False, False, False]),  # 0.68 of it, where 0.54 is 6 parts of ten
        ([(1000, 1500), (2000, 1300), (2000, 1200)], [False, False, False]),  # more than ours counts as all
        ([(1000, 1500), (2000, 1190)], [False, True]),
    ],
)
def test_a_count_that_drops_is_a_cut(calls: list[tuple[int, int]], cut: list[bool]) -> None:
    watch = ContextWatch("http://server")
    assert [watch.cut(sent, counted) for sent, counted in calls] == cut


def test_it_is_said_once_and_counted_always(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    tokenizer = ByteTokenizer()
    answer = {
        "choices": [{"message": {"content": "<answer>Oslo</answer>"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 64, "completion_tokens": 4},
    }
    with Server(
        Model(tokenizer, script(tokenizer, lambda context: "")),
        lambda proper, number: Reply(body=json.dumps(answer).encode()),
    ) as server:
        engine = OpenAiEngine(OpenAiConfig(base_url=server.url), "name", tokenizer)
        request = Request(tuple(tokenizer.encode("x" * 1000)), (Section("a", (), ("</answer>",), 60),), "s")
        usages = [asyncio.run(engine.generate(request)).usage for _ in range(3)]
    assert [usage and usage.cut_prompts for usage in usages] == [1, 1, 1]
    assert caplog.text.count("64 tokens in a prompt of about 1000: it may cut contexts") == 1
    assert server.url in caplog.text


def test_calls_that_were_cut_add_up() -> None:
    one = Usage(calls=1, prompt_tokens=1, cached_tokens=0, completion_tokens=1, seconds=0, cut_prompts=1)
    assert (one + one.model_copy(update={"cut_prompts": 0}) + one).cut_prompts == 2
    assert Usage.model_validate(one.model_dump(exclude={"cut_prompts"})).cut_prompts == 0, "older records have none"
