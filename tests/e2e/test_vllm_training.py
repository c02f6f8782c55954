"""Training through vLLM: weights handed over in this process and to a server, as a whole and as an adapter.

``make test-vllm`` runs it; every start of vLLM takes half a minute on a free machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from mem1.commands import train
from mem1.errors import BackendError, ConfigError, InexactError
from mem1.event_loop import command_loop, run_here
from mem1.inference.base import Request, Section
from mem1.inference.following import Follower
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.vllm.platform import device
from mem1.inference.vllm.server import VllmServerEngine
from mem1.recipe import Recipe
from mem1.report.build import build_report
from mem1.runtime.models import LocalModel, build_local
from mem1.storage.metrics import read_metrics
from mem1.train.backends.handover import WeightFiles, check_handed_over, logprobs_of
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
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        with pytest.raises(BackendError, match="the connection failed"):
            asyncio.run(local.sampler.generate(Request((5, 6), (Section("a", (), (), 4),), "s")))
        with pytest.raises(BackendError, match="the connection failed"):
            asyncio.run(local.confirm())
        asyncio.run(local.sampler.close())


# ---------------------------------------------------------------- whole trainings

RECIPE = """
model = "{model}"
watch_tasks = 0
[tasks]
composition = "sequential"
objectives = 2
count = 64
[env]
prompt = "brief"
top_k = 2
turns_per_objective = 2
[memory]
type = "state"
budgets = {{state = 40, action = 28, observation = 96}}
{engine}
[train]
steps = 20
tasks_per_step = 6
group_size = 6
refill = 4
optimizer = {{lr = 2e-4, betas = [0.9, 0.95]}}
checkpoint_every = 20
keep = 9
evaluate_every = 0
no_signal_limit = 20
"""
IN_PROCESS = f"""
[engine]
type = "vllm"
dtype = "float32"
slots = 16
max_context = {CONTEXT}
extra = {{seed = 0}}
"""
AT_A_SERVER = f"""
[engine]
type = "vllm_server"
base_url = "{{url}}"
served_name = "it"
max_context = {CONTEXT}
slots = 16
retries = 1
"""


def trained(recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, list[float]]:
    """Train as ``recipe`` says: the run, and what each hand-over's check found."""
    found: list[float] = []

    async def noted(engine: Follower, model: Any, version: int) -> float:
        found.append(await check_handed_over(engine, model, version))
        return found[-1]

    monkeypatch.setattr("mem1.train.backends.handover.check_handed_over", noted)
    path, run = tmp_path / "r.toml", tmp_path / "run"
    path.write_text(recipe)
    assert train(path, [], run=run, resume=False)["steps"] == UPDATES
    return run, found


def check_training(run: Path, handed_over: list[float], name: str) -> None:
    """Each update moved the policy, and each rollout and each hand-over was of the trainer's own numbers."""
    rows = list(read_metrics(run / "metrics.jsonl"))
    gaps = [row["policy/rollout_gap_max"] for row in rows]
    means = [row["policy/rollout_gap"] for row in rows]
    manifest = json.loads((run / "checkpoints" / "step-000020" / "checkpoint.json").read_text())
    tokens = manifest["progress"]["trained_tokens"]
    print(
        f"\n{name}: {UPDATES} updates, {tokens} sampled tokens, |difference| at most {max(means):.1e} on average in a "
        f"step, largest {max(gaps):.1e}; at hand-overs {min(handed_over):.1e} to {max(handed_over):.1e} nats"
    )
    assert len(rows) == UPDATES
    assert len(handed_over) == UPDATES + 1, "the weights before the first step too"
    assert all(row["policy/grad_norm"] > 0 for row in rows)
    assert max(handed_over) < 1e-4
    assert max(row["policy/rollout_gap_p99"] for row in rows) < 1e-4
    assert max(gaps) < 1e-3, "one unlikely token among tens of thousands; it was 9.6e-5"
    models = [load_model(str(run / "checkpoints" / f"step-{n:06d}" / "model"), device="cpu") for n in (0, UPDATES)]
    prompt, written = tuple(range(5, 60)), tuple(range(60, 90))
    before, after = (logprobs_of(model, prompt, written) for model in models)
    assert (before - after).abs().max() > 0.01, "what is close to the trainer is close to the weights of its step alone"


def test_twenty_steps_of_training_are_written_by_the_trainers_numbers_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = RECIPE.format(model="builtin:tiny", engine=IN_PROCESS)
    run, handed_over = trained(recipe, tmp_path, monkeypatch)
    check_training(run, handed_over, "in this process")
    assert "Trainer against rollout" in build_report(run).html.read_text()


def test_twenty_steps_of_training_are_written_by_the_trainers_numbers_at_a_server(
    untied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(untied, name="it", max_context=CONTEXT, control=True) as (url, _):
        recipe = RECIPE.format(model=untied, engine=AT_A_SERVER.format(url=url))
        check_training(*trained(recipe, tmp_path, monkeypatch), "a server")


# ---------------------------------------------------------------- sleep


def test_sleep_is_refused_on_a_cpu_before_anything_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(RECIPE.format(model="builtin:tiny", engine=IN_PROCESS + "sleep = true\n"))
    if device().is_sleep_mode_available():
        pytest.skip("this device can sleep")
    with pytest.raises(ConfigError, match=r"(?s)cannot give its memory back on this device \(cpu\).*engine\.sleep"):
        train(path, [], run=tmp_path / "run", resume=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("lora", [False, pytest.param(True, marks=pytest.mark.skipif(not LORA, reason="no peft"))])
def test_vllm_takes_the_calls_of_sleep_in_our_order_and_writes_with_the_weights_after_it(
    llama: Path, lora: bool
) -> None:
    """On a CPU no memory is given back; that it could not write while asleep and does afterwards is vLLM's own."""
    engine = {"type": "vllm", "dtype": "float32", "slots": 8, "max_context": CONTEXT, "extra": {"seed": 0}}
    local = replace(opened(engine, llama if lora else "builtin:tiny", lora=lora), sleeps=True)
    try:
        with command_loop():
            local.hand_over(0)
            for number in range(1, 4):
                local.rest()
                with pytest.raises(BackendError, match="vLLM sleeps"):
                    run_here(local.sampler.generate(Request((5, 6, 7), (Section("a", (), (), 4),), "s")))
                step(local, number)
                local.hand_over(number)  # wakes it, checks, and raises above 1e-4
                run_here(local.confirm())
    finally:
        asyncio.run(local.sampler.close())


def test_a_server_takes_the_calls_of_sleep_and_one_without_the_flag_is_told_apart(untied: Path, tmp_path: Path) -> None:
    with serving(untied, name="it", max_context=CONTEXT, control=True) as (url, _):
        engine = {"type": "vllm_server", "base_url": url, "served_name": "it", "max_context": CONTEXT, "sleep": True}
        local = opened({**engine, "weights_dir": str(tmp_path), "retries": 1}, untied, lora=False)
        server: VllmServerEngine = local.sampler  # type: ignore[assignment]
        with command_loop():
            with pytest.raises(ConfigError, match="without --enable-sleep-mode"):
                run_here(server.check_sleep())
            local.hand_over(0)
            local.rest()
            assert sleeping(url)
            step(local, 1)
            local.hand_over(1)
            assert not sleeping(url)
            local.rest()
            run_here(server.close())
            # A run that was killed leaves it asleep; the next one wakes it.
            again = opened({**engine, "weights_dir": str(tmp_path), "retries": 1}, untied, lora=False)
            again.hand_over(0)
            assert not sleeping(url)
            run_here(again.sampler.close())


def sleeping(url: str) -> bool:
    with urllib.request.urlopen(f"{url.removesuffix('/v1')}/is_sleeping", timeout=60) as answer:
        found: bool = json.loads(answer.read())["is_sleeping"]
        return found
