"""No training back end reads a key and forgets it: each key of ``[train]`` and ``[engine]`` is acted on or refused."""

from __future__ import annotations

from typing import Any

import pytest

from mem1.config import build
from mem1.errors import ConfigError
from mem1.inference.config import TransformersConfig
from mem1.inference.vllm.config import VllmConfig
from mem1.integrations.tinker.config import TinkerConfig
from mem1.integrations.verl.config import VerlConfig
from mem1.recipe import Recipe
from mem1.registry import builtin_names, resolve
from mem1.train.config import BackendConfig, LocalBackendConfig, TrainConfig

BACKENDS: dict[str, type[BackendConfig]] = {"local": LocalBackendConfig, "verl": VerlConfig, "tinker": TinkerConfig}
SAMPLERS = (TransformersConfig, VllmConfig)  # what is trained through here, or named to verl
KEYS = sorted({f"train.{key}" for key in TrainConfig.model_fields})
KEYS += sorted({f"engine.{key}" for one in SAMPLERS for key in one.model_fields})

ON_CPU: dict[str, Any] = {"backend": {"type": "verl", "device": "cpu"}}
ON_GPUS: dict[str, Any] = {"backend": "verl", "engine": {"type": "vllm"}, "train": {"autocast": "bfloat16"}}
SERVICE: dict[str, Any] = {
    "model": "some/model",
    "backend": {"type": "tinker", "base_url": "http://127.0.0.1:1", "tokenizer": "builtin:tiny"},
}
# For each key that a back end refuses, a recipe of it and a value beside the default.
REFUSED: list[tuple[dict[str, Any], str, Any]] = [
    (ON_CPU, "train.memory_credit", {"type": "information_gain"}),
    (ON_CPU, "train.staleness", 1),
    (ON_CPU, "train.logit_chunk", 512),
    (ON_GPUS, "engine.weights_dir", "weights"),
    (ON_GPUS, "engine.handover_gap", 0.5),
    (ON_GPUS, "engine.trainer_device", "cpu"),
    (ON_GPUS, "engine.sleep", True),
    (SERVICE, "train.memory_credit", {"type": "information_gain"}),
    (SERVICE, "train.temperature", 0.7),
    (SERVICE, "train.staleness", 1),
    (SERVICE, "train.logit_chunk", 512),
    (SERVICE, "train.dual_clip", 3.0),
    (SERVICE, "train.kl.coef", 0.1),
    (SERVICE, "train.entropy_coef", 0.1),
    (SERVICE, "train.rows", {"capacity": 512}),
    (SERVICE, "train.checkpointing", True),
    (SERVICE, "train.autocast", "bfloat16"),
    (SERVICE, "engine", {"slots": 3}),
]


def test_every_back_end_there_is_stands_in_this_file() -> None:
    assert set(builtin_names("backend")) == set(BACKENDS)
    assert all(resolve("backend", name) is kind for name, kind in BACKENDS.items())


@pytest.mark.parametrize("name", BACKENDS)
@pytest.mark.parametrize("key", KEYS)
def test_each_key_of_training_and_sampling_is_acted_on_or_refused_and_never_both(name: str, key: str) -> None:
    backend = BACKENDS[name]
    honoured = any(_within(key, one) for one in backend.honours)
    refused = any(_within(key, one) or _within(one, key) for one in backend.refuses)
    assert honoured or refused, f"{name} says nothing of {key}"
    assert not (honoured and refused), f"{name} says both of {key}"


@pytest.mark.parametrize("name", BACKENDS)
def test_a_back_end_speaks_of_keys_that_exist(name: str) -> None:
    for key in (*BACKENDS[name].honours, *BACKENDS[name].refuses):
        assert any(_within(one, key) or _within(key, one) for one in KEYS), key


@pytest.mark.parametrize(("base", "key", "value"), REFUSED)
def test_a_key_that_would_do_nothing_is_refused_by_its_name(base: dict[str, Any], key: str, value: Any) -> None:
    build(Recipe, base, where="test")
    with pytest.raises(ConfigError, match=rf"does not act on {key}: "):
        build(Recipe, _with(base, key, value), where="test")


def test_each_refusal_of_a_back_end_is_tried_above() -> None:
    tried = {(_type(base), key) for base, key, _ in REFUSED}
    assert tried == {(name, key) for name, kind in BACKENDS.items() for key in kind.refuses}


def test_a_key_at_its_default_is_not_given() -> None:
    build(Recipe, _with(SERVICE, "train.checkpointing", False), where="test")
    build(Recipe, _with(SERVICE, "train.rows", {"capacity": 4096}), where="test")


def _within(key: str, table: str) -> bool:
    return f"{key}.".startswith(f"{table}.")


def _with(base: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    section, *rest = key.split(".")
    for name in reversed(rest):
        value = {name: value}
    found = base.get(section, {})
    return base | {section: found | value if isinstance(value, dict) else value}


def _type(base: dict[str, Any]) -> str:
    backend = base["backend"]
    return backend if isinstance(backend, str) else str(backend["type"])
