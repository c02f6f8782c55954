"""Training through vLLM: weights handed over in this process and to a server, as a whole and as an adapter.

``make test-vllm`` runs it; every start of vLLM takes half a minute on a free machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from mem1.errors import BackendError, InexactError
from mem1.event_loop import command_loop, run_here
from mem1.inference.base import Request, Section
from mem1.inference.following import Follower
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.recipe import Recipe
from mem1.runtime.models import LocalModel, build_local
from mem1.train.backends.handover import WeightFiles, check_handed_over
from tests.e2e.vllm_server import serving
from tests.unit.inference.vllm_models import save_random

pytestmark = [pytest.mark.vllm, pytest.mark.skipif(find_spec("vllm") is None, reason="vLLM is not installed here")]
UPDATES = 20
LORA = find_spec("peft") is not None
CONTEXT = 512


def opened(engine: dict[str, Any], model: Path | str, *, lora: bool) -> LocalModel:
    adapter = {"lora": {"r": 4}} if lora else {}
    return build_local(Recipe.model_validate({"model": str(model), "engine": engine, **adapter}), list, trains=True)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama: vLLM takes no adapters for StableLM, which the shipped policy is."""
    folder = tmp_path_factory.mktemp("llama")
    save_random(folder)
    return folder


def step(local: LocalModel, number: int) -> None:
    """What an optimizer does, larger: every trained weight moves by about a hundredth of its scale."""
    generator = torch.Generator().manual_seed(number)
    with torch.no_grad():
        for weight in local.trained.model.parameters():
            if weight.requires_grad:
                scale = float(weight.std()) if weight.numel() > 1 and float(weight.std()) > 0 else 0.1
                weight.add_(0.03 * scale * torch.randn(weight.shape, generator=generator))


def follow(local: LocalModel) -> list[float]:
    """``UPDATES`` hand-overs, each checked; the largest difference of each in nats. The stale one is noticed first."""
    engine: Follower = local.sampler  # type: ignore[assignment]
    gaps = []
    with command_loop():
        local.hand_over(0)
        for number in range(1, UPDATES + 1):
            step(local, number)
            if number == 1:
                with pytest.raises(InexactError, match="does not write with the weights it was given"):
                    run_here(check_handed_over(engine, local.trained.model, 0))
            local.hand_over(number)  # checks, and raises above 1e-4
            gaps.append(run_here(check_handed_over(engine, local.trained.model, number)))
            run_here(local.confirm())
    return gaps


@pytest.mark.parametrize("lora", [False, pytest.param(True, marks=pytest.mark.skipif(not LORA, reason="no peft"))])
def test_twenty_updates_in_this_process_are_written_with(llama: Path, lora: bool) -> None:
    engine = {"type": "vllm", "dtype": "float32", "slots": 8, "max_context": CONTEXT, "extra": {"seed": 0}}
    local = opened(engine, llama if lora else "builtin:tiny", lora=lora)
    try:
        gaps = follow(local)
        print(f"\nin this process, adapter {lora}: largest differences {min(gaps):.1e} to {max(gaps):.1e} nats")
        assert len(gaps) == UPDATES
        assert max(gaps) < 1e-4
        assert local.sampler.policy_version == UPDATES
        section = Section("a", (), (), 8, tuple(local.tokenizer.encode("</think>")))
        one = asyncio.run(local.sampler.generate(Request((5, 6, 7), (section,), "s", seed=1)))
        assert one.policy_version == UPDATES
    finally:
        asyncio.run(local.sampler.close())


@pytest.fixture(scope="module")
def untied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The shipped policy with its output layer stored by itself: vLLM on a CPU cannot renew a tied one."""
    model, tokenizer = load_model("builtin:tiny", device="cpu"), load_tokenizer("builtin:tiny")
    files = WeightFiles(model, tmp_path_factory.mktemp("untied"), untied=True, extra_files=tokenizer.save)
    folder = files.whole()
    yield folder
    assert folder.is_dir(), "the folder lives as long as what made it"


@pytest.mark.parametrize("lora", [False, pytest.param(True, marks=pytest.mark.skipif(not LORA, reason="no peft"))])
def test_twenty_updates_of_a_server_are_written_with_until_it_dies(
    untied: Path, llama: Path, tmp_path: Path, lora: bool
) -> None:
    more = ["--enable-lora", "--max-lora-rank", "8"] if lora else []
    model = llama if lora else untied
    with serving(model, name="it", max_context=CONTEXT, more=more, control=True) as (url, process):
        engine = {"type": "vllm_server", "base_url": url, "served_name": "it", "max_context": CONTEXT}
        local = opened({**engine, "weights_dir": str(tmp_path), "retries": 1, "slots": 8}, model, lora=lora)
        gaps = follow(local)
        print(f"\na server, adapter {lora}: largest differences {min(gaps):.1e} to {max(gaps):.1e} nats")
        assert max(gaps) < 1e-4
        process.kill()
        process.wait(60)
        with pytest.raises(BackendError, match="the connection failed"):
            asyncio.run(local.sampler.generate(Request((5, 6), (Section("a", (), (), 4),), "s")))
        with pytest.raises(BackendError, match="the connection failed"):
            asyncio.run(local.confirm())
        asyncio.run(local.sampler.close())
