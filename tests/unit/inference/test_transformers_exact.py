"""What the engine reports is what one full forward pass over prompt + completion gives."""

from __future__ import annotations

import asyncio
import random

import pytest
import torch
from transformers import PreTrainedModel

from mem1.inference.base import Request, Section
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.types import Completion
from tests.unit.inference.hf_models import EXACT, TOKENIZER, WINDOWED, build, worst_difference

TOLERANCE = 1e-4


@pytest.fixture(params=sorted(EXACT))
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return build(EXACT[request.param])


def tokens(seed: int, count: int) -> tuple[int, ...]:
    """Byte tokens only: no control strings, no end of text."""
    return tuple(random.Random(seed).choices(range(20, TOKENIZER.vocabulary_size), k=count))


def sections(first: int, second: int) -> tuple[Section, ...]:
    return (Section("state", ("z",), (), first, (1, 2, 3)), Section("action", (), ("zz",), second, (5,)))


async def episode(
    engine: TransformersEngine, name: int, *, extend: bool, turns: int = 3
) -> list[tuple[tuple[int, ...], Completion]]:
    """Some turns of one session: the prompt is extended, or only its first tokens are kept."""
    prompt = start = tokens(name, 3 + 9 * name)
    found = []
    for turn in range(turns):
        request = Request(prompt, sections(8 + name, 5 + turn), f"s{name}", seed=100 * name + turn)
        completion = await engine.generate(request)
        found.append((prompt, completion))
        rest = (*completion.token_ids, *tokens(1000 + turn, 3 + 5 * turn))
        prompt = (*prompt, *rest) if extend else (*start, *rest)
    return found


def run(engine: TransformersEngine, names: range) -> list[tuple[tuple[int, ...], Completion]]:
    async def everything() -> list[list[tuple[tuple[int, ...], Completion]]]:
        return await asyncio.gather(*(episode(engine, name, extend=name % 2 == 0) for name in names))

    return [turn for turns in asyncio.run(everything()) for turn in turns]


def check(model: PreTrainedModel, turns: list[tuple[tuple[int, ...], Completion]]) -> None:
    assert max(worst_difference(model, prompt, completion) for prompt, completion in turns) < TOLERANCE
    assert any(not all(completion.sampled) for _, completion in turns), "nothing was forced: the test is too weak"


def test_mixed_lengths_with_reuse(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER, slots=8)
    check(model, run(engine, range(7)))
    assert engine.stats.reused_tokens > 200


def test_fewer_slots_than_sessions(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER, slots=2)
    check(model, run(engine, range(5)))


def test_prompts_in_pieces(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER, slots=8, prefill_tokens=11)
    check(model, run(engine, range(6)))


def test_prompts_shared_between_sessions(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER, slots=8)
    start = tokens(1, 40)

    async def group() -> list[Completion]:
        requests = [Request((*start, *tokens(9, extra)), sections(9, 9), f"s{extra}", seed=extra) for extra in range(6)]
        return await asyncio.gather(*(engine.generate(request) for request in requests))

    for extra, completion in enumerate(asyncio.run(group())):
        assert worst_difference(model, (*start, *tokens(9, extra)), completion) < TOLERANCE
    assert engine.stats.reused_tokens >= 5 * 39
    assert engine.stats.prefill_tokens < 2 * 40


def test_lockstep(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER, slots=3, schedule="lockstep")
    check(model, run(engine, range(5)))


def test_alone_or_in_a_crowd(model: PreTrainedModel) -> None:
    crowd = run(TransformersEngine(model, TOKENIZER, slots=4), range(7))
    alone = [turn for name in range(7) for turn in run(TransformersEngine(model, TOKENIZER), range(name, name + 1))]
    assert [c.token_ids for _, c in crowd] == [c.token_ids for _, c in alone]
    assert [c.finish for _, c in crowd] == [c.finish for _, c in alone]


def test_twice_is_the_same_bit_for_bit(model: PreTrainedModel) -> None:
    first = run(TransformersEngine(model, TOKENIZER, slots=4), range(6))
    assert run(TransformersEngine(model, TOKENIZER, slots=4), range(6)) == first


@pytest.mark.parametrize("name", sorted(WINDOWED))
def test_windowed_models_fall_back(name: str, caplog: pytest.LogCaptureFixture) -> None:
    model = build(WINDOWED[name])
    engine = TransformersEngine(model, TOKENIZER, slots=4)
    assert "one request at a time" in caplog.text
    check(model, run(engine, range(4)))


@pytest.mark.parametrize("name", sorted(WINDOWED))
def test_a_window_as_long_as_the_context_is_exact_in_slots(name: str, caplog: pytest.LogCaptureFixture) -> None:
    model = build(WINDOWED[name])
    engine = TransformersEngine(model, TOKENIZER, max_context=16)
    assert not caplog.records
    prompt = tokens(3, 5)
    completion = asyncio.run(engine.generate(Request(prompt, (Section("a", (), (), 11),), "s", seed=4)))
    assert len(completion.token_ids) > 6
    assert worst_difference(model, prompt, completion) < TOLERANCE


def test_weights_that_change_between_rollouts(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER)
    run(engine, range(3))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.1)
    engine.set_version(1)
    turns = run(engine, range(3))
    check(model, turns)
    assert {completion.policy_version for _, completion in turns} == {1}
