"""Promise, over the model families that people train: sampled, scored and trained alike, or refused by name.

What the sampler reported, what the trainer computes in the view it chooses, and the gradient of it are compared with
plain forward passes over prompt and completion, written down here once more.
"""

from __future__ import annotations

import asyncio
import logging
import random

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from mem1.errors import ConfigError, InexactError, ModelError
from mem1.inference.base import Request, Section
from mem1.inference.hf.lengths import rotary_limit
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.train.policy.exactness import training_view
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from mem1.types import Episode, Turn
from tests.semantics.families import FAMILIES, family
from tests.unit.inference.hf_models import TOKENIZER
from tests.unit.train.episodes import episode, turn

FAST = (
    "bamba",
    "bloom",
    "falcon alibi",
    "gemma2",
    "gpt neo",
    "gpt oss",
    "jamba",
    "llama4 scaled",
    "mamba",
    "minimax",
    "phi3 longrope",
    "qwen3 next",
)
REFUSED = {
    "doge": "DogeForCausalLM cannot be sampled from exactly",
}
LOGPROBS = 2e-4  # nats; recurrent states are summed in another order one by one than at once
GRADIENT = 1e-4  # relative, of the whole gradient
LONG_CLOSING = tuple(range(30, 39))


async def turns_of(engine: TransformersEngine, name: str, prompt: tuple[int, ...], count: int) -> list[Turn]:
    """Turns of one session, now appended to, now rewritten; closings of one and of nine ids, greedy in the second."""
    found: list[Turn] = []
    context = prompt
    for index in range(count):
        sections = (
            Section("state", ("z",), (), 7 + 9, LONG_CLOSING if index % 2 == 0 else (1,)),
            Section("action", (), ("zz",), 6, (3,)),
        )
        request = Request(context, sections, name, seed=index, temperature=0.0 if index == 1 else 1.0)
        done = await engine.generate(request)
        found.append(
            turn(index, context, done.token_ids, prefix=len(prompt), sampled=done.sampled, logprobs=done.logprobs)
        )
        more = tuple(range(40, 44 + 3 * index))
        context = (*context, *done.token_ids, *more) if index == 0 else (*prompt, *done.token_ids, *more)
    return found


def sampled(engine: TransformersEngine, longest: int) -> list[Episode]:
    """Four sessions over three slots, two prompts; the longer one is laid down in pieces."""
    rng = random.Random(0)
    prompts = [tuple(rng.randrange(20, 200) for _ in range(length)) for length in (longest, 11)]

    async def everything() -> list[list[Turn]]:
        done = await asyncio.gather(*(turns_of(engine, f"s{i}", prompts[i % 2], 3) for i in range(4)))
        await engine.close()
        return list(done)

    return [episode(f"s{i}", turns, group=f"g{i % 2}") for i, turns in enumerate(asyncio.run(everything()))]


def plainly(model: PreTrainedModel, episodes: list[Episode]) -> Tensor:
    """Log-probabilities of all sampled tokens, one forward pass for each turn, in flat layout; differentiable."""
    found: list[Tensor] = []
    for one in (one for each in episodes for one in each.turns):
        ids = torch.tensor([[*one.prompt_token_ids, *one.completion_token_ids]])
        logs = model(input_ids=ids, use_cache=False).logits[0].float().log_softmax(-1)
        start = len(one.prompt_token_ids)
        places = [start + k for k, kept in enumerate(one.sampled_mask) if kept]
        found += [logs[place - 1, ids[0, place]] for place in places]
    return torch.stack(found)


def gradient(model: PreTrainedModel, logprobs: Tensor) -> Tensor:
    weights = torch.linspace(-1, 2, len(logprobs))  # no two tokens alike
    grads = torch.autograd.grad((weights * logprobs).sum(), list(model.parameters()), allow_unused=True)
    return torch.cat([grad.flatten() for grad in grads if grad is not None])


def check(name: str) -> None:
    model = family(name)
    limit = rotary_limit(model.config)
    if limit is not None:
        with pytest.raises(ConfigError, match=f"{limit} (tokens|positions)"):
            TransformersEngine(model, TOKENIZER, max_context=limit + 1)
    if name in REFUSED:
        with pytest.raises(ModelError, match=REFUSED[name]):
            TransformersEngine(model, TOKENIZER, max_context=160)
        return
    engine = TransformersEngine(model, TOKENIZER, slots=3, prefill_tokens=16, max_context=limit or 160)
    episodes = sampled(engine, 8 if limit else 40)
    expected = plainly(model, episodes)
    batch = make_batch(episodes, capacity=200, view=training_view(model, length=200))
    greedy = [one for each in episodes for one in each.turns if one.index == 1]
    policy = Policy(model)
    ours = torch.cat([policy.evaluate(row).logprobs for row in batch.rows])
    ours = ours[torch.argsort(torch.cat([row.flat for row in batch.rows]))]
    assert (batch.rollout_logprobs - expected).abs().max().item() < LOGPROBS, "the sampler is off"
    assert (ours - expected).abs().max().item() < LOGPROBS, "the trainer is off"
    wanted = gradient(model, expected)
    assert (gradient(model, ours) - wanted).norm() / wanted.norm() < GRADIENT, "the trainer's gradient is off"
    for one in greedy:
        likeliest(model, one)


@torch.no_grad()
def likeliest(model: PreTrainedModel, one: Turn) -> None:
    """Greedy tokens are the likeliest of a plain pass, up to ties."""
    ids = torch.tensor([[*one.prompt_token_ids, *one.completion_token_ids]])
    logs = model(input_ids=ids, use_cache=False).logits[0].log_softmax(-1)
    for place, kept in enumerate(one.sampled_mask, len(one.prompt_token_ids)):
        assert not kept or logs[place - 1, ids[0, place]] > logs[place - 1].max() - LOGPROBS


@pytest.mark.parametrize("name", FAST)
def test_a_family_is_exact_or_refused_by_name(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - set(FAST)))
def test_every_other_family_is_exact_or_refused_by_name(name: str) -> None:
    check(name)


def test_a_context_beyond_the_boundary_of_rotary_scaling_is_not_trained_on() -> None:
    model = family("phi3 longrope")
    long = episode("e", [turn(0, range(20, 70), range(70, 90), prefix=50)])
    (row,) = make_batch([long], capacity=400, view="reference").rows
    with pytest.raises(InexactError, match="a context of 70 tokens is longer than the 64"):
        Policy(model).evaluate(row)
