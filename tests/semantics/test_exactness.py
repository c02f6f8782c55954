"""Promise: whatever is computed fast equals the reference, one plain row per context the policy saw.

Log-probabilities and gradients of packed rows equal those of reference rows; what the sampler reported equals both;
every sampled token is trained on exactly once; a model for which that could not hold is refused and falls back.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    Gemma2Config,
    Gemma2ForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    StableLmConfig,
    StableLmForCausalLM,
)

from mem1.errors import InexactError
from mem1.inference.base import Request, Section
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.train.policy.attention import NAME
from mem1.train.policy.exactness import check_exact, training_view
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import Batch, make_batch
from mem1.types import Episode, Turn
from tests.unit.inference.hf_models import EXACT, SIZES, TOKENIZER, WINDOWED, build
from tests.unit.train.episodes import episode, turn

LOGPROB_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 1e-5  # relative, of the whole gradient

SOFT_CAPPING: dict[str, Any] = {
    "layer_types": ["full_attention"] * 2,
    "attn_logit_softcapping": 5.0,
    "final_logit_softcapping": 3.0,
    "query_pre_attn_scalar": 11,
    "attn_implementation": "eager",
}
MODELS: dict[str, Callable[[], PreTrainedModel]] = {
    **{name: make for name, make in EXACT.items() if name != "gpt2"},
    "gemma2 with soft-capping": lambda: Gemma2ForCausalLM(Gemma2Config(**(SIZES | SOFT_CAPPING))),
    "stablelm": lambda: StableLmForCausalLM(
        StableLmConfig(
            **SIZES, rope_parameters={"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}
        )
    ),
}


@pytest.fixture(params=sorted(MODELS))
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    return build(MODELS[request.param])


def random_turns(rng: random.Random, prompt: list[int], count: int, *, kind: str, vocabulary: int) -> list[Turn]:
    """Turns of one episode: contexts rewritten each time, appended to, or now one and now the other."""

    def words(low: int, high: int) -> list[int]:
        return [rng.randrange(vocabulary) for _ in range(rng.randint(low, high))]

    turns = []
    context = list(prompt)
    for index in range(count):
        completion = words(1, 9)
        sampled = [rng.random() < 0.85 for _ in completion]
        sampled[0] = True
        turns.append(turn(index, context, completion, prefix=len(prompt), sampled=sampled))
        append = kind == "append" or (kind == "mixed" and rng.random() < 0.5)
        context = [*(context if append else prompt), *completion, *words(0, 6)]
    return turns


@st.composite
def forests(draw: st.DrawFn) -> tuple[list[Episode], int]:
    """Episodes of several groups, some prompts shared beyond a group in part, and a row capacity."""
    rng = random.Random(draw(st.integers(0, 10**9)))
    start = [rng.randrange(SIZES["vocab_size"]) for _ in range(draw(st.sampled_from([1, 4, 25])))]
    episodes: list[Episode] = []
    for group in range(draw(st.integers(1, 3))):
        prompt = [*start, *(rng.randrange(SIZES["vocab_size"]) for _ in range(draw(st.integers(0, 30))))]
        for _ in range(draw(st.integers(1, 3))):
            turns = random_turns(
                rng,
                prompt,
                draw(st.integers(1, 4)),
                kind=draw(st.sampled_from(["rewrite", "append", "mixed"])),
                vocabulary=SIZES["vocab_size"],
            )
            episodes.append(episode(f"e{len(episodes)}", turns, group=f"g{group}"))
    return episodes, draw(st.sampled_from([60, 150, 5000]))


def flat(policy: Policy, batch: Batch) -> Tensor:
    """Log-probabilities [N] in flat layout; every token must come exactly once."""
    order = torch.cat([row.flat for row in batch.rows])
    assert sorted(order.tolist()) == list(range(batch.size))
    return torch.cat([policy.evaluate(row).logprobs for row in batch.rows])[torch.argsort(order)]


def gradient(policy: Policy, logprobs: Tensor) -> Tensor:
    weights = torch.linspace(-1, 2, len(logprobs))  # no two tokens alike
    grads = torch.autograd.grad((weights * logprobs).sum(), list(policy.parameters()))
    return torch.cat([grad.flatten() for grad in grads])


def check(policy: Policy, episodes: list[Episode], capacity: int) -> None:
    reference = flat(policy, make_batch(episodes, capacity=capacity, view="reference"))
    expected = gradient(policy, reference)
    for share_prefix in (True, False):
        packed = flat(policy, make_batch(episodes, capacity=capacity, share_prefix=share_prefix))
        assert (packed - reference).abs().max().item() < LOGPROB_TOLERANCE
        assert (gradient(policy, packed) - expected).norm() / expected.norm() < GRADIENT_TOLERANCE


@settings(max_examples=12, deadline=None)
@given(forest=forests())
def test_packed_equals_reference_on_random_trees(forest: tuple[list[Episode], int]) -> None:
    check(Policy(build(MODELS["llama"])), *forest)


@pytest.mark.parametrize("seed", [0, 1])
def test_packed_equals_reference_in_every_architecture(model: PreTrainedModel, seed: int) -> None:
    rng = random.Random(seed)
    prompts = [[rng.randrange(SIZES["vocab_size"]) for _ in range(length)] for length in (30, 17, 1)]
    episodes = [
        episode(
            f"{group}-{kind}",
            random_turns(rng, prompt, 4, kind=kind, vocabulary=SIZES["vocab_size"]),
            group=f"g{group}",
        )
        for group, prompt in enumerate(prompts)
        for kind in ("rewrite", "append", "mixed")
    ]
    batch = make_batch(episodes, capacity=200)
    assert any(len(row.parent) > 4 for row in batch.rows), "no tree to speak of: the test is too weak"
    check(Policy(model), episodes, 200)


def test_training_under_gradient_checkpointing_is_the_same() -> None:
    model = build(MODELS["llama"])
    policy = Policy(model)
    rng = random.Random(3)
    prompt = [rng.randrange(SIZES["vocab_size"]) for _ in range(20)]
    episodes = [episode(str(i), random_turns(rng, prompt, 3, kind="rewrite", vocabulary=99)) for i in range(2)]
    batch = make_batch(episodes, capacity=500)
    expected = gradient(policy, flat(policy, batch))
    model.activation_checkpointing_enable()
    model.train()
    found = flat(policy, batch)
    weights = torch.linspace(-1, 2, len(found))
    torch.autograd.backward((weights * found).sum())
    grads = torch.cat([p.grad.flatten() for p in policy.parameters() if p.grad is not None])
    assert (grads - expected).norm() / expected.norm() < GRADIENT_TOLERANCE


# ---------------------------------------------------------------- sampler


async def sampled_turns(engine: TransformersEngine, name: str, prompt: tuple[int, ...], turns: int) -> list[Turn]:
    """Turns of one session: the first extends, the others are rewritten, as in MEM1."""
    found: list[Turn] = []
    carried: tuple[int, ...] = ()
    sections = (Section("state", ("z",), (), 9, (1, 2)), Section("action", (), ("zz",), 6, (3,)))
    for index in range(turns):
        context = (*prompt, *carried)
        done = await engine.generate(Request(context, sections, name, seed=index))
        found.append(
            turn(index, context, done.token_ids, prefix=len(prompt), sampled=done.sampled, logprobs=done.logprobs)
        )
        carried = (*done.token_ids, *range(30, 30 + 3 * index))
    return found


def sample_episodes(model: PreTrainedModel, *, prompt_length: int) -> list[Episode]:
    engine = TransformersEngine(model, TOKENIZER, slots=3)
    rng = random.Random(prompt_length)
    prompts = [tuple(rng.randrange(20, 200) for _ in range(prompt_length)) for _ in range(2)]

    async def everything() -> list[list[Turn]]:
        return await asyncio.gather(*(sampled_turns(engine, f"s{i}", prompts[i % 2], 2 + i) for i in range(4)))

    return [episode(f"s{i}", turns, group=f"g{i % 2}") for i, turns in enumerate(asyncio.run(everything()))]


def test_sampler_reference_and_packed_agree(model: PreTrainedModel) -> None:
    policy = Policy(model)
    for prompt_length in (24, 40):  # the second round samples while training's attention is installed
        episodes = sample_episodes(model, prompt_length=prompt_length)
        packed = make_batch(episodes, capacity=150)
        assert not all(row.linear for row in packed.rows)
        with torch.no_grad():
            for batch in (packed, make_batch(episodes, capacity=1, view="reference")):
                assert (flat(policy, batch) - batch.rollout_logprobs).abs().max().item() < LOGPROB_TOLERANCE
    assert model.config._attn_implementation == NAME


@pytest.mark.slow
def test_smollm2() -> None:
    model = load_model("package:smollm2", device="cpu")
    tokenizer = load_tokenizer("package:smollm2")
    rng = random.Random(0)
    prompt = tokenizer.encode("You keep one page of notes and rewrite it every turn. Answer the questions. " * 4)
    episodes = [
        episode(f"e{i}", random_turns(rng, prompt, 3, kind="rewrite", vocabulary=len(prompt))) for i in range(3)
    ]
    check(Policy(model), episodes, 400)


# ---------------------------------------------------------------- refusal


@pytest.mark.parametrize("name", sorted(WINDOWED))
def test_sliding_windows_are_refused_and_fall_back(name: str, caplog: pytest.LogCaptureFixture) -> None:
    model = build(WINDOWED[name])
    implementation = model.config._attn_implementation
    with pytest.raises(InexactError, match=r"sliding|slides"):
        check_exact(model)
    with caplog.at_level(logging.WARNING):
        view = training_view(model)
    assert view == "reference"
    assert "slid" in caplog.text
    episodes = [episode("e", random_turns(random.Random(0), [1] * 20, 4, kind="rewrite", vocabulary=99))]
    policy = Policy(model)
    assert torch.isfinite(flat(policy, make_batch(episodes, capacity=500, view=view))).all()
    with pytest.raises(InexactError):
        policy.evaluate(make_batch(episodes, capacity=500).rows[0])
    assert model.config._attn_implementation == implementation


def test_a_window_that_is_switched_on_is_refused_and_one_that_is_off_is_not() -> None:
    sizes = SIZES | {"max_window_layers": 0, "sliding_window": 8}
    check_exact(build(lambda: Qwen2ForCausalLM(Qwen2Config(**sizes, use_sliding_window=False))))
    with pytest.raises(InexactError, match="sliding_attention"):
        check_exact(build(lambda: Qwen2ForCausalLM(Qwen2Config(**sizes, use_sliding_window=True))))


def test_learned_positions_are_refused() -> None:
    with pytest.raises(InexactError, match="learns absolute positions"):
        check_exact(build(EXACT["gpt2"]))
