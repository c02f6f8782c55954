"""The sampler that comes with the plug-in: what it reports is what the trainer computes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import torch

from mem1.inference.hf.loading import load_model
from mem1.integrations.verl.inside.cpu.server import Server
from tests.unit.integrations.verl.alone import make_model


def expected(model: torch.nn.Module, prompt: list[int], ids: list[int]) -> list[float]:
    logits = model(input_ids=torch.tensor([prompt + ids])).logits[0].log_softmax(-1)
    return [float(logits[len(prompt) + k - 1, token]) for k, token in enumerate(ids)]


@torch.no_grad()
def test_it_writes_with_the_weights_that_were_handed_over_last(tmp_path: Path) -> None:
    first, second = make_model(tmp_path / "a"), make_model(tmp_path / "b", seed=1)
    server = Server(str(first), slots=4, max_context=256, prefill_tokens=4096)
    prompt = [5, 6, 7, 8]

    async def write(seed: int) -> tuple[list[int], list[float], int]:
        found = await server.generate("s", prompt, {"max_tokens": 12, "seed": seed, "stop": [], "temperature": 1.0})
        return found.token_ids, found.log_probs, found.extra_fields["global_steps"]

    ids, logprobs, version = asyncio.run(write(3))
    assert version == 0
    assert logprobs == pytest.approx(expected(load_model(str(first), device="cpu"), prompt, ids), abs=1e-5)
    assert asyncio.run(write(3))[0] == ids
    other = load_model(str(second), device="cpu")
    asyncio.run(server.load(dict(other.named_parameters()), 7))
    ids, logprobs, version = asyncio.run(write(3))
    assert version == 7
    assert logprobs == pytest.approx(expected(other, prompt, ids), abs=1e-5)
