"""What vLLM is started with; no vLLM is needed to know it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mem1.errors import ConfigError
from mem1.inference.vllm.arguments import engine_arguments
from mem1.inference.vllm.config import VllmConfig

FOLDER = Path("somewhere")


def test_on_a_cpu_prompts_are_computed_whole() -> None:
    assert engine_arguments(VllmConfig(), FOLDER, cpu=True)["enable_chunked_prefill"] is False
    assert "enable_chunked_prefill" not in engine_arguments(VllmConfig(), FOLDER, cpu=False)


def test_asking_for_pieces_is_refused_on_a_cpu_and_followed_elsewhere() -> None:
    config = VllmConfig(extra={"enable_chunked_prefill": True})
    with pytest.raises(ConfigError, match=r"(?s)cannot compute prompts in pieces.*engine\.extra\.enable_chunked"):
        engine_arguments(config, FOLDER, cpu=True)
    assert engine_arguments(config, FOLDER, cpu=False)["enable_chunked_prefill"] is True


def test_settings_become_arguments_and_extra_ones_win() -> None:
    config = VllmConfig(slots=7, max_context=99, dtype="float32", eager=False, extra={"max_num_seqs": 3, "seed": 5})
    found = engine_arguments(config, FOLDER, cpu=False)
    assert found == {
        "model": "somewhere",
        "dtype": "float32",
        "max_model_len": 99,
        "max_num_seqs": 3,
        "enforce_eager": False,
        "enable_prefix_caching": True,
        "generation_config": "vllm",
        "seed": 5,
    }


@pytest.mark.parametrize(("rank", "kernel"), [(1, 1), (2, 8), (16, 16), (17, 32), (512, 512)])
def test_an_adapters_rank_becomes_the_least_that_vllm_has_a_kernel_for(rank: int, kernel: int) -> None:
    found = engine_arguments(VllmConfig(), FOLDER, cpu=True, adapter_rank=rank)
    assert (found["enable_lora"], found["max_loras"], found["max_lora_rank"]) == (True, 1, kernel)


def test_an_adapter_of_too_high_a_rank_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"up to rank 512, not 513"):
        engine_arguments(VllmConfig(), FOLDER, cpu=False, adapter_rank=513)
