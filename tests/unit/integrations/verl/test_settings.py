"""What a recipe says reaches verl's own configuration, on processors and for GPUs."""

from __future__ import annotations

from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from mem1.integrations.verl.config import VerlConfig
from mem1.integrations.verl.settings import settings
from mem1.recipe import Recipe

GPUS: dict[str, Any] = {
    "engine": {"type": "vllm", "dtype": "float16", "eager": False, "slots": 7, "extra": {"swap_space": 2}},
    "backend": {"type": "verl", "sampler_memory": 0.25},
    "train": {"autocast": "bfloat16", "temperature": 0.7},
}
POLICIES = ("actor_rollout_ref.model", "critic.model")
PROCESSES = ("actor_rollout_ref.actor.fsdp_config", "critic.fsdp", "actor_rollout_ref.ref.fsdp_config")


def told(**keys: Any) -> DictConfig:
    base: dict[str, Any] = {"model": "builtin:tiny", "backend": {"type": "verl", "device": "cpu"}}
    recipe = Recipe.model_validate(base | keys)
    assert isinstance(recipe.backend, VerlConfig)
    return settings(recipe, recipe.backend, run=None, allow_imports=False)


@pytest.mark.parametrize("on", [False, True])
def test_activations_are_computed_again_as_the_recipe_says(on: bool) -> None:
    config = told(train={"checkpointing": on})
    assert [OmegaConf.select(config, f"{one}.enable_gradient_checkpointing") for one in POLICIES] == [on, on]


def test_the_sampler_on_a_processor_is_told_how_much_it_may_read_at_once() -> None:
    config = told(engine={"prefill_tokens": 99, "slots": 3, "max_context": 512})
    rollout = config.actor_rollout_ref.rollout
    assert OmegaConf.to_container(rollout.engine_kwargs.mem1) == {"prefill_tokens": 99}
    assert (rollout.max_num_seqs, rollout.max_model_len) == (3, 512)


def test_vllm_under_verl_is_told_what_the_engine_section_says() -> None:
    rollout = told(**GPUS).actor_rollout_ref.rollout
    assert (rollout.name, rollout.dtype, rollout.enforce_eager) == ("vllm", "float16", False)
    assert OmegaConf.to_container(rollout.engine_kwargs.vllm) == {"swap_space": 2}
    assert (rollout.max_num_seqs, rollout.gpu_memory_utilization) == (7, 0.25)
    assert (rollout.temperature, rollout.logprobs_mode) == (0.7, "processed_logprobs")


@pytest.mark.parametrize(("keys", "dtype"), [({}, "fp32"), (GPUS, "bf16")])
def test_masters_are_float32_and_arithmetic_is_what_autocast_names(keys: dict[str, Any], dtype: str) -> None:
    config = told(**keys)
    for where in PROCESSES:
        found = OmegaConf.select(config, where)
        assert (found.model_dtype, found.mixed_precision.param_dtype) == ("fp32", dtype), where
