"""The engine as a scheduler: what waits, what fails, what is kept."""

from __future__ import annotations

import asyncio

import pytest
import torch
from transformers import PreTrainedModel

from mem1.errors import BackendError, ConfigError
from mem1.inference.base import Request, Section
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.types import Completion, FinishReason
from tests.unit.inference.hf_models import EXACT, TOKENIZER, build

PROMPT = tuple(range(30, 60))


@pytest.fixture
def model() -> PreTrainedModel:
    return build(EXACT["llama"])


def ask(name: str = "s", *, length: int = 6, seed: int = 0, prompt: tuple[int, ...] = PROMPT) -> Request:
    return Request(prompt, (Section("text", (), (), length),), name, seed=seed)


def test_a_short_one_does_not_wait_for_a_long_one(model: PreTrainedModel) -> None:
    order: list[str] = []

    async def one(engine: TransformersEngine, name: str, length: int) -> None:
        await engine.generate(ask(name, length=length))
        order.append(name)

    async def both(engine: TransformersEngine) -> None:
        await asyncio.gather(one(engine, "long", 40), one(engine, "short", 3), one(engine, "next", 3))

    asyncio.run(both(TransformersEngine(model, TOKENIZER, slots=2)))
    assert order == ["short", "next", "long"]


def test_lockstep_waits_for_the_longest(model: PreTrainedModel) -> None:
    order: list[str] = []

    async def one(engine: TransformersEngine, name: str, length: int) -> None:
        await engine.generate(ask(name, length=length))
        order.append(name)

    async def all_three(engine: TransformersEngine) -> None:
        await asyncio.gather(one(engine, "long", 40), one(engine, "short", 3), one(engine, "next", 3))

    asyncio.run(all_three(TransformersEngine(model, TOKENIZER, slots=2, schedule="lockstep")))
    assert order == ["long", "short", "next"]


def test_forgets_what_is_released(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER)
    asyncio.run(engine.generate(ask()))
    asyncio.run(engine.generate(ask()))
    assert engine.stats.reused_tokens == len(PROMPT) - 1
    engine.release("s")
    asyncio.run(engine.generate(ask()))
    assert engine.stats.reused_tokens == len(PROMPT) - 1


def test_new_weights_drop_what_is_kept(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER)
    asyncio.run(engine.generate(ask()))
    engine.set_version(5)
    completion = asyncio.run(engine.generate(ask()))
    assert engine.stats.reused_tokens == 0
    assert completion.policy_version == engine.policy_version == 5


def test_new_weights_are_refused_in_mid_flight(model: PreTrainedModel) -> None:
    async def scenario() -> None:
        engine = TransformersEngine(model, TOKENIZER)
        task = asyncio.create_task(engine.generate(ask()))
        await asyncio.sleep(0)
        with pytest.raises(BackendError, match="1 requests were in flight"):
            engine.set_version(1)
        await task

    asyncio.run(scenario())


def test_a_cancelled_request_frees_its_slot(model: PreTrainedModel) -> None:
    async def scenario() -> Completion:
        engine = TransformersEngine(model, TOKENIZER, slots=1)
        task = asyncio.create_task(engine.generate(ask("a", length=300)))
        while not engine.stats.decode_tokens:
            await asyncio.sleep(0)
        task.cancel()
        completion = await engine.generate(ask("b"))
        assert task.cancelled()
        assert engine.stats.decode_tokens < 100
        return completion

    assert asyncio.run(scenario()).token_ids


def test_close_fails_what_is_pending(model: PreTrainedModel) -> None:
    async def scenario() -> None:
        engine = TransformersEngine(model, TOKENIZER, slots=1)
        tasks = [asyncio.create_task(engine.generate(ask(name, length=300))) for name in "ab"]
        await asyncio.sleep(0)
        await engine.close()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(outcome, BackendError)
            assert "closed" in str(outcome)
        with pytest.raises(BackendError, match="closed"):
            await engine.generate(ask())

    asyncio.run(scenario())


def test_an_interrupted_loop_leaves_the_engine_usable(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER, slots=2)

    async def interrupted() -> None:
        tasks = [asyncio.create_task(engine.generate(ask(name, length=300))) for name in "abc"]
        while not engine.stats.decode_tokens:
            await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(interrupted())
    assert asyncio.run(engine.generate(ask(seed=3))) == asyncio.run(
        TransformersEngine(model, TOKENIZER).generate(ask(seed=3))
    )


def test_broken_weights_fail_every_request(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER)
    weight = next(model.parameters())
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(torch.nan)

    async def two() -> list[Completion | BaseException]:
        return await asyncio.gather(*(engine.generate(ask(name)) for name in "ab"), return_exceptions=True)

    for outcome in asyncio.run(two()):
        assert isinstance(outcome, BackendError)
        assert "not numbers" in str(outcome)
        assert isinstance(outcome.__cause__, FloatingPointError)
    with torch.no_grad():
        weight.copy_(kept)
    assert asyncio.run(engine.generate(ask())).token_ids, "a failure is not the end of the engine"


def test_keys_and_values_of_broken_weights_do_not_linger(model: PreTrainedModel) -> None:
    engine = TransformersEngine(model, TOKENIZER, slots=1)
    expected = asyncio.run(engine.generate(ask(length=40)))
    weight = next(model.parameters())
    kept = weight.detach().clone()
    with torch.no_grad():
        weight.fill_(torch.nan)
    with pytest.raises(BackendError):
        asyncio.run(engine.generate(ask("other", prompt=PROMPT[::-1] * 5)))
    with torch.no_grad():
        weight.copy_(kept)
    assert asyncio.run(engine.generate(ask(length=40))) == expected


def test_the_trainers_mode_and_attention_are_given_back(model: PreTrainedModel) -> None:
    model.train(True)
    model.config._attn_implementation = "flex_attention"
    asyncio.run(TransformersEngine(model, TOKENIZER).generate(ask()))
    assert model.training
    assert model.config._attn_implementation == "flex_attention"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (ask(prompt=()), "empty"),
        (ask(prompt=(1, 100_000)), "vocabulary"),
        (ask(prompt=(1,) * 100), "do not fit"),
        (ask(length=80), "do not fit"),
    ],
)
def test_bad_requests(model: PreTrainedModel, request_: Request, words: str) -> None:
    engine = TransformersEngine(model, TOKENIZER, max_context=100)
    with pytest.raises(BackendError, match=words):
        asyncio.run(engine.generate(request_))


def test_a_context_beyond_the_models(model: PreTrainedModel) -> None:
    with pytest.raises(ConfigError, match="512 positions"):
        TransformersEngine(model, TOKENIZER, max_context=513)
    assert TransformersEngine(model, TOKENIZER).max_context == 512


def test_greedy_takes_the_likeliest(model: PreTrainedModel) -> None:
    request = Request(PROMPT, (Section("text", (), (), 5),), "s", temperature=0.0)
    completion = asyncio.run(TransformersEngine(model, TOKENIZER).generate(request))
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*PROMPT, *completion.token_ids]])).logits[0]
    for index, token in enumerate(completion.token_ids):
        assert token == int(logits[len(PROMPT) + index - 1].argmax())


def test_the_end_of_text_token_is_kept_and_ends_the_completion(model: PreTrainedModel) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # every token is as likely as any other: 1/269
    engine = TransformersEngine(model, TOKENIZER)
    sections = (Section("a", (), (), 9, (7,)), Section("b", (), (), 9))

    async def crowd() -> list[Completion]:
        requests = [Request(PROMPT, sections, f"s{seed}", seed=seed) for seed in range(100)]
        return await asyncio.gather(*(engine.generate(request) for request in requests))

    ended = [completion for completion in asyncio.run(crowd()) if completion.finish is FinishReason.EOS]
    assert ended, "6 of 100 are expected: 1 - (1 - 1/269)^17"
    for completion in ended:
        assert completion.token_ids.index(TOKENIZER.eos_id) == len(completion.token_ids) - 1
        assert completion.section_ends[-1] == len(completion.token_ids)
        assert completion.sampled[-1]


def test_a_long_prompt_is_not_overtaken_for_ever(model: PreTrainedModel) -> None:
    """Short prompts keep coming, and the bound has room for either them or the long one."""
    order: list[str] = []

    async def short_ones(engine: TransformersEngine, name: str) -> None:
        for turn in range(6):
            await engine.generate(ask(f"{name}{turn}", length=1, seed=turn, prompt=PROMPT[turn : turn + 12]))
            order.append(f"{name}{turn}")

    async def long_one(engine: TransformersEngine) -> None:
        await engine.generate(ask("long", length=1, prompt=PROMPT * 3))
        order.append("long")

    async def everything(engine: TransformersEngine) -> None:
        await asyncio.gather(short_ones(engine, "a"), long_one(engine), short_ones(engine, "b"))

    asyncio.run(everything(TransformersEngine(model, TOKENIZER, prefill_tokens=90)))
    assert order.index("long") < order.index("a2")
