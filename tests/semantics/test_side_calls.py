"""Promise: what a memory asks of the policy in side calls is trained exactly as its turns are."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import torch

from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.memory.config import MemoryConfig
from mem1.memory.strategies.notes import NotesMemoryConfig
from mem1.memory.strategies.summary import SummaryMemoryConfig
from mem1.rollout.episode import run_episode
from mem1.train.policy.policy import Policy
from mem1.train.rows.batch import make_batch
from mem1.train.rows.samples import sampled_count
from mem1.types import Episode
from tests.semantics.test_exactness import LOGPROB_TOLERANCE, check, flat
from tests.unit.inference.hf_models import EXACT, TOKENIZER, build
from tests.unit.rollout.worlds import BUDGETS, parts, request

MEMORIES: dict[str, MemoryConfig] = {
    "summary": SummaryMemoryConfig(budgets=BUDGETS, summary=40),
    "notes": NotesMemoryConfig(budgets=BUDGETS, notes=60, note=20, write="model"),
}


@pytest.mark.parametrize("name", sorted(MEMORIES))
def test_sampler_reference_and_packed_agree_on_side_calls(name: str) -> None:
    model = build(EXACT["qwen2"])
    engine = TransformersEngine(model, TOKENIZER, slots=2)
    context = replace(parts(engine, memory=MEMORIES[name].build()), temperature=1.0)

    async def both() -> list[Episode]:
        return await asyncio.gather(*(run_episode(request(f"e{seed}", seed), context) for seed in range(2)))

    episodes = asyncio.run(both())
    assert all(len(one.side_calls) == 2 for one in episodes)  # before the second turn and the third
    of_turns = sum(sum(turn.sampled_mask) for one in episodes for turn in one.turns)
    assert sum(map(sampled_count, episodes)) > of_turns
    policy = Policy(model)
    with torch.no_grad():
        for batch in (make_batch(episodes, capacity=600), make_batch(episodes, capacity=1, view="reference")):
            assert (flat(policy, batch) - batch.rollout_logprobs).abs().max().item() < LOGPROB_TOLERANCE
    check(policy, episodes, 600)
