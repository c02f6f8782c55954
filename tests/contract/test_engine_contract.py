"""What every engine promises, over all engines.

The policies differ (a script, a random model), so the promises are checked on what comes back, not on
what the policy wanted to write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

import pytest

from mem1.errors import BackendError
from mem1.inference.base import Engine, Request, Section
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.openai_engine import OpenAiEngine
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.inference.tokenizers.toy import ByteTokenizer
from mem1.types import Completion, FinishReason
from tests.unit.inference.endpoint_server import Model, Server, Speech, noise
from tests.unit.inference.hf_models import EXACT, WINDOWED, build

TOKENIZER = ByteTokenizer()
MAX_CONTEXT = 400
ASCII = tuple(chr(code) for code in range(128))


def _scripted(slots: int) -> Engine:
    def write(session: str, context: str) -> str:
        return f"{session} saw {len(context)} " + "all the letters from a to z and some more, over and over; " * 9

    return ScriptedEngine(write, TOKENIZER, max_context=MAX_CONTEXT)


def _transformers(name: str, slots: int) -> Engine:
    models = {**WINDOWED, **EXACT}
    return TransformersEngine(build(models[name]), TOKENIZER, slots=slots, max_context=MAX_CONTEXT)


@cache
def _server(speech: Speech) -> Server:
    """Random ASCII and now and then an end of text; it runs, on its own thread, as long as the tests do."""
    letters = [TOKENIZER.encode(chr(code))[0] for code in range(32, 127)]
    return Server(Model(TOKENIZER, noise(letters, TOKENIZER.eos_id), speech)).__enter__()


def _openai(slots: int, speech: Speech | None = None, **settings: object) -> Engine:
    found = {"base_url": _server(speech or Speech()).url, "slots": slots, "max_context": MAX_CONTEXT} | settings
    return OpenAiEngine(OpenAiConfig.model_validate(found), "random", TOKENIZER)


@dataclass(frozen=True)
class Kind:
    """How to make an engine with so many slots."""

    make: Callable[[int], Engine]


ENGINES = {
    "scripted": Kind(_scripted),
    "transformers": Kind(lambda slots: _transformers("qwen2", slots)),
    "openai, completions": Kind(lambda slots: _openai(slots, style="completion")),
    "openai, chat": Kind(lambda slots: _openai(slots, style="chat")),
    "openai, chat that is gone on with": Kind(lambda slots: _openai(slots, style="chat", continues=True)),
    "openai, no word on stops": Kind(lambda slots: _openai(slots, Speech(tells_stop=False), style="completion")),
    "openai, token ids": Kind(lambda slots: _openai(slots, style="completion", exact=True, tokenizer="its own")),
    "transformers, plain": Kind(lambda slots: _transformers("mistral", slots)),
}


def _vllm(slots: int) -> Engine:
    from tests.unit.inference.vllm_models import shared_engine

    return shared_engine(MAX_CONTEXT, TOKENIZER)


NEEDS_VLLM = [pytest.mark.vllm, pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed here")]


@pytest.fixture(params=[*sorted(ENGINES), pytest.param("vllm", marks=NEEDS_VLLM)])
def kind(request: pytest.FixtureRequest) -> Kind:
    return Kind(_vllm) if request.param == "vllm" else ENGINES[request.param]


def ids(text: str) -> tuple[int, ...]:
    return tuple(TOKENIZER.encode(text))


def write(
    engine: Engine, *sections: Section, prompt: str = "a prompt", seed: int = 1, session: str = "s"
) -> Completion:
    return asyncio.run(engine.generate(Request(ids(prompt), sections, session, seed=seed)))


def parts(completion: Completion) -> list[tuple[int, ...]]:
    """The completion cut at its section ends."""
    starts = (0, *completion.section_ends)
    return [completion.token_ids[a:b] for a, b in zip(starts, completion.section_ends, strict=False)]


def test_it_is_an_engine(kind: Kind) -> None:
    engine = kind.make(4)
    assert isinstance(engine, Engine)
    assert engine.tokenizer is TOKENIZER
    assert engine.max_context == MAX_CONTEXT
    assert engine.policy_version == 0


def test_an_empty_prompt_is_refused(kind: Kind) -> None:
    with pytest.raises(BackendError, match="the prompt is empty"):
        write(kind.make(1), Section("a", (), (), 4), prompt="")


def test_a_section_never_has_more_than_its_budget(kind: Kind) -> None:
    engine = kind.make(4)
    for seed in range(5):
        completion = write(engine, Section("a", (), (), 9, ids("</a>")), Section("b", (), (), 5), seed=seed)
        assert sum(len(part) for part in parts(completion)) == len(completion.token_ids)
        assert all(len(part) <= most for part, most in zip(parts(completion), [9, 5], strict=False))
        if completion.finish is not FinishReason.EOS:
            assert [len(part) for part in parts(completion)] == [9, 5]
            assert completion.finish is FinishReason.LENGTH


def test_closing_tokens_are_forced_and_masked(kind: Kind) -> None:
    closing = ids("</think>!")
    completions = [
        write(kind.make(4), Section("a", (), (), 8, closing), Section("b", (), (), 3), seed=seed) for seed in range(5)
    ]
    closed = [completion for completion in completions if len(completion.section_ends) == 2]
    assert closed
    for completion in closed:
        assert completion.section_ends[0] == 8
        assert completion.token_ids[8 - len(closing) : 8] == closing
        assert completion.sampled[:8] == (True,) * (8 - len(closing)) + (False,) * len(closing)
        assert completion.logprobs[8 - len(closing) : 8] == (0.0,) * len(closing)
        assert all(completion.sampled[8:])


def test_a_stop_ends_the_section_and_the_next_begins(kind: Kind) -> None:
    section = Section("stopping", ASCII, (), 50)
    completion = write(kind.make(4), section, Section("next", (), (), 4), prompt="some words", seed=2)
    *others, last = parts(completion)[0]
    assert TOKENIZER.decode([last]).isascii(), "the token that completes the stop is the section's last"
    assert not any(TOKENIZER.decode([token]).isascii() for token in others)
    assert len(completion.section_ends) == 2 or completion.finish is FinishReason.EOS
    assert all(completion.sampled)


def test_a_final_stop_ends_the_completion(kind: Kind) -> None:
    section = Section("a", (), ASCII, 50)
    completion = write(kind.make(4), section, Section("never", (), (), 20), seed=3)
    assert len(completion.section_ends) == 1
    assert completion.section_ends == (len(completion.token_ids),)
    assert completion.finish is FinishReason.STOP


def test_many_at_once(kind: Kind) -> None:
    """More than there are slots: every one is answered, with its own session's text."""
    engine = kind.make(3)

    async def everything() -> list[Completion]:
        requests = [
            Request(ids("x" * (1 + index % 7)), (Section("a", (), (), 3 + index % 5),), f"s{index}", seed=index)
            for index in range(20)
        ]
        return await asyncio.gather(*(engine.generate(request) for request in requests))

    crowd = asyncio.run(everything())
    for index, completion in enumerate(crowd):
        section = Section("a", (), (), 3 + index % 5)
        alone = write(kind.make(3), section, prompt="x" * (1 + index % 7), seed=index, session=f"s{index}")
        assert completion.token_ids == alone.token_ids
        assert completion.logprobs == pytest.approx(alone.logprobs, abs=1e-4)


def test_turns_of_one_session(kind: Kind) -> None:
    """Extended, then rewritten, then repeated: a kept cache never changes what is written."""
    engine = kind.make(2)
    section = Section("a", (), (), 6)
    first = write(engine, section, prompt="begin")
    prompts = ["begin" + TOKENIZER.decode(first.token_ids) + " and on", "begin anew", "begin anew", "b"]
    for turn, prompt in enumerate(prompts):
        kept = write(engine, section, prompt=prompt, seed=turn)
        fresh = write(kind.make(2), section, prompt=prompt, seed=turn)
        assert kept.token_ids == fresh.token_ids


def test_release(kind: Kind) -> None:
    engine = kind.make(2)
    engine.release("never seen")
    before = write(engine, Section("a", (), (), 6))
    engine.release("s")
    assert write(engine, Section("a", (), (), 6)).token_ids == before.token_ids


def test_the_seed_decides(kind: Kind) -> None:
    engine = kind.make(2)
    same = [write(engine, Section("a", (), (), 12), seed=5).token_ids for _ in range(2)]
    assert same[0] == same[1]


def test_a_prompt_that_fills_the_context(kind: Kind) -> None:
    engine = kind.make(2)
    with pytest.raises(BackendError, match="context"):
        write(engine, Section("a", (), (), 5), prompt="x" * MAX_CONTEXT)
    assert write(engine, Section("a", (), (), 5)).token_ids, "one refusal is not the end"


def test_a_closed_engine_refuses(kind: Kind) -> None:
    engine = kind.make(2)
    asyncio.run(engine.close())
    with pytest.raises(BackendError, match="closed"):
        write(engine, Section("a", (), (), 5))
