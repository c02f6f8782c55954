"""Sampler and trainer on one device: who sleeps, what it is told and in which order. vLLM's own part is imitated here;
``tests/e2e/test_vllm_training.py`` makes the same calls to vLLM itself."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mem1.commands import train, warmstart
from mem1.config import build
from mem1.doctor import Status
from mem1.doctor.recipe import examine_recipe
from mem1.errors import BackendError, ConfigError
from mem1.inference.base import Request, Section
from mem1.inference.tokenizers.toy import ByteTokenizer
from mem1.inference.vllm.backend import VllmBackend
from mem1.inference.vllm.config import VllmConfig
from mem1.inference.vllm.engine import VllmEngine
from mem1.inference.weights import FileWeights
from mem1.recipe import Recipe
from tests.unit.inference.vllm.control_server import ENGINE, VllmLike, serving

ASKED = Request((5, 6, 7), (Section("a", (), (), 4),), "s", seed=1)


class Llm:
    """The part of vLLM's engine that weights and sleep are told to: it notes what it is told."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self.arguments = arguments
        self.told: list[str] = []
        self.model_config = SimpleNamespace(max_model_len=64, dtype="torch.float32")
        self.errored = False

    async def sleep(self, level: int) -> None:
        self.told.append(f"sleep {level}")

    async def wake_up(self, tags: list[str]) -> None:
        self.told.append(f"wake {' '.join(tags)}")

    async def collective_rpc(self, method: str, kwargs: dict[str, Any]) -> None:
        self.told.append(method)

    async def add_lora(self, request: Any) -> None:
        self.told.append("add_lora")

    async def reset_prefix_cache(self) -> bool:
        self.told.append("reset_prefix_cache")
        return True

    async def update_weight_version(self, version: str) -> None:
        self.told.append(f"version {version}")

    def shutdown(self) -> None:
        self.told.append("shutdown")


@contextmanager
def imitated(monkeypatch: pytest.MonkeyPatch, *, cpu: bool) -> Iterator[None]:
    """A vLLM on a CPU, or on a device that it can sleep on."""
    platform = SimpleNamespace(
        is_cpu=lambda: cpu, is_sleep_mode_available=lambda: not cpu, device_type="cpu" if cpu else "cuda"
    )
    parts: dict[str, dict[str, Any]] = {
        "vllm": {},
        "vllm.engine": {},
        "vllm.engine.arg_utils": {"AsyncEngineArgs": lambda **arguments: arguments},
        "vllm.platforms": {"current_platform": platform},
        "vllm.v1": {},
        "vllm.v1.engine": {},
        "vllm.v1.engine.async_llm": {"AsyncLLM": SimpleNamespace(from_engine_args=Llm)},
        "vllm.lora": {},
        "vllm.lora.request": {"LoRARequest": lambda **fields: SimpleNamespace(**fields)},
    }
    with monkeypatch.context() as patched:
        for name, content in parts.items():
            module = ModuleType(name)
            vars(module).update(content)
            patched.setitem(sys.modules, name, module)
        yield


def started(*, sleep: bool, rank: int | None = None) -> tuple[VllmEngine, list[str]]:
    backend = VllmBackend(VllmConfig(sleep=sleep), Path("somewhere"), adapter_rank=rank)
    told: list[str] = backend._llm.told
    return VllmEngine(backend, ByteTokenizer()), told


@pytest.mark.parametrize(("rank", "level", "load"), [(None, 2, "reload_weights"), (4, 1, "add_lora")])
def test_it_wakes_for_weights_takes_them_and_then_makes_room_for_the_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rank: int | None, level: int, load: str
) -> None:
    """Whole weights are thrown away and given anew; those beneath an adapter are kept in main memory."""
    (tmp_path / ("model.safetensors" if rank is None else "adapter_config.json")).write_text("{}")
    with imitated(monkeypatch, cpu=False):
        engine, told = started(sleep=True, rank=rank)

        async def two_steps() -> None:
            for version in (1, 2):
                await engine.sleep()
                await engine.sleep()  # it is told once
                await engine.update_weights(version, FileWeights(tmp_path))

        asyncio.run(two_steps())
        given = [f"sleep {level}", "wake weights", load, "wake kv_cache", "reset_prefix_cache"]
        assert told == [*given, "version 1", *given, "version 2"]
        asyncio.run(engine.close())


def test_one_that_never_slept_is_not_woken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with imitated(monkeypatch, cpu=False):
        engine, told = started(sleep=True)
        asyncio.run(engine.update_weights(0, FileWeights(tmp_path)))
        assert told == ["reload_weights", "reset_prefix_cache", "version 0"]
        asyncio.run(engine.close())


def test_who_sleeps_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with imitated(monkeypatch, cpu=False):
        engine, _ = started(sleep=True)
        asyncio.run(engine.sleep())
        with pytest.raises(BackendError, match=r"(?s)vLLM sleeps.*update_weights wakes it"):
            asyncio.run(engine.generate(ASKED))
        asyncio.run(engine.close())


def test_the_memory_is_one_that_can_be_given_back_only_where_it_shall_be(monkeypatch: pytest.MonkeyPatch) -> None:
    with imitated(monkeypatch, cpu=False):
        for sleep in (True, False):
            engine, _ = started(sleep=sleep)
            arguments = engine._backend._llm.arguments
            assert arguments.get("enable_sleep_mode", False) is sleep
            asyncio.run(engine.close())


REFUSED = r"(?s)vLLM cannot give its memory back on this device \(cpu\).*engine\.sleep.*leave it out"


def test_on_a_cpu_it_is_refused_when_vllm_is_started_and_before(monkeypatch: pytest.MonkeyPatch) -> None:
    with imitated(monkeypatch, cpu=True):
        with pytest.raises(ConfigError, match=REFUSED):
            started(sleep=True)
        with pytest.raises(ConfigError, match=REFUSED):
            asyncio.run(VllmConfig(sleep=True).check("builtin:tiny"))
        asyncio.run(VllmConfig().check("builtin:tiny"))


def test_the_doctor_says_that_a_cpu_cannot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    recipe = tmp_path / "r.toml"
    recipe.write_text('model = "builtin:tiny"\nengine = {type = "vllm", sleep = true}\n')
    with imitated(monkeypatch, cpu=True):
        found = [check for check in examine_recipe(recipe, []) if check.name == "engine"]
    assert [check.status for check in found] == [Status.FAIL]
    assert "cannot give its memory back on this device (cpu)" in found[0].found


@pytest.mark.parametrize("kind", ["vllm", "vllm_server"])
def test_rollouts_ahead_and_sleep_exclude_each_other(kind: str) -> None:
    engine = {"type": kind, "sleep": True} | ({"base_url": "http://127.0.0.1:1/v1"} if kind == "vllm_server" else {})
    data = {"model": "builtin:tiny", "engine": engine, "train": {"staleness": 1}}
    with pytest.raises(ConfigError, match=r"engine\.sleep and train\.staleness = 1"):
        build(Recipe, data, where="test")
    build(Recipe, data | {"train": {}}, where="test")


# ---------------------------------------------------------------- at a server, in training

RECIPE = (
    """
model = "builtin:tiny"
watch_tasks = {watched}
env = {{prompt = "brief", turns_per_objective = 4, top_k = 3}}
memory = {{type = "state", budgets = {{state = 40, action = 28, observation = 128}}}}
tasks = {{count = 8, objectives = 1}}
"""
    + ENGINE
    + """sleep = true
[train]
steps = 2
tasks_per_step = 2
group_size = 2
checkpoint_every = 9
evaluate_every = {every}
no_signal_limit = 9
[warmstart]
steps = 4
episodes_per_step = 1
evaluate_every = 2
checkpoint_every = 9
"""
)
GIVEN = [
    "POST /wake_up?tags=weights",
    "POST /collective_rpc",
    "POST /wake_up?tags=kv_cache",
    "POST /reset_prefix_cache",
    "POST /update_weight_version",
]
SLEEP = "POST /sleep?level=2"


def calls_of(server: VllmLike) -> list[str]:
    """What the server was told; completions in a row as one, and questions left out."""
    told: list[str] = []
    for call in server.calls:
        if call.startswith("POST") and (call != "POST /v1/completions" or told[-1:] != [call]):
            told.append(call)
    return told


def recipe_for(url: str, folder: Path, *, watched: int, every: int) -> Path:
    path = folder / "r.toml"
    path.write_text(RECIPE.format(url=url, weights=folder / "w", watched=watched, every=every))
    return path


def test_in_training_it_sleeps_while_the_policy_is_learned_from(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    server.asleep = {"weights", "kv_cache"}  # left so by a run that was killed
    with serving(server) as url:
        train(recipe_for(url, tmp_path, watched=0, every=0), [], run=tmp_path / "run", resume=False)
    write = "POST /v1/completions"
    assert calls_of(server) == [*GIVEN, write, SLEEP, *GIVEN, write, SLEEP, *GIVEN, write]


def test_in_a_warm_start_it_sleeps_but_for_evaluations_and_is_given_weights_for_them_alone(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    with serving(server) as url:
        warmstart(recipe_for(url, tmp_path, watched=2, every=0), [], run=tmp_path / "run", resume=False)
    measured = [*GIVEN, "POST /v1/completions"]
    assert calls_of(server) == [*measured, SLEEP, *measured, SLEEP, *measured], "before, after 2 and after 4 steps"


def test_a_server_that_cannot_sleep_is_told_before_anything_begins(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    server.sleep_mode = False
    with serving(server) as url, pytest.raises(ConfigError, match=r"(?s)without --enable-sleep-mode.*engine\.sleep"):
        train(recipe_for(url, tmp_path, watched=0, every=0), [], run=tmp_path / "run", resume=False)
    assert "POST /collective_rpc" not in server.calls


def test_a_server_that_sleeps_is_asked_nothing(tmp_path: Path) -> None:
    server = VllmLike("builtin:tiny")
    with serving(server) as url:
        config = build(
            Recipe,
            {"model": "builtin:tiny", "engine": {"type": "vllm_server", "base_url": url, "sleep": True}},
            where="",
        )
        engine: Any = config.engine.build("builtin:tiny")

        async def asleep() -> None:
            await engine.sleep()
            await engine.sleep()
            with pytest.raises(BackendError, match="the server sleeps"):
                await engine.generate(ASKED)
            await engine.close()

        asyncio.run(asleep())
    assert server.calls == ["POST /sleep?level=2"]
