"""Promise: at any temperature the policy that is trained is the one that was sampled, side calls included."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import torch

from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.state import StateMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.rollout.episode import run_episode
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from mem1.types import Episode
from tests.semantics.test_exactness import LOGPROB_TOLERANCE, check, flat
from tests.unit.inference.hf_models import EXACT, TOKENIZER, build
from tests.unit.rollout.worlds import BUDGETS, parts, request

MEMORIES: dict[str, MemoryConfig] = {
    "state": StateMemoryConfig(budgets=BUDGETS),
    "summary": SummaryMemoryConfig(budgets=BUDGETS, summary=40),
}


@pytest.mark.parametrize("temperature", [0.5, 1.7])
@pytest.mark.parametrize("name", sorted(MEMORIES))
def test_sampler_reference_and_packed_agree_at_a_temperature(name: str, temperature: float) -> None:
    model = build(EXACT["qwen2"])
    engine = TransformersEngine(model, TOKENIZER, slots=2)
    context = replace(parts(engine, memory=MEMORIES[name].build()), temperature=temperature)

    async def both() -> list[Episode]:
        return await asyncio.gather(*(run_episode(request(f"e{seed}", seed), context) for seed in range(2)))

    episodes = asyncio.run(both())
    policy, plain = Policy(model, temperature=temperature), Policy(model)
    with torch.no_grad():
        for batch in (make_batch(episodes, capacity=600), make_batch(episodes, capacity=1, view="reference")):
            assert (flat(policy, batch) - batch.rollout_logprobs).abs().max().item() < LOGPROB_TOLERANCE
            assert (flat(plain, batch) - batch.rollout_logprobs).abs().mean().item() > 100 * LOGPROB_TOLERANCE
    check(policy, episodes, 600)
