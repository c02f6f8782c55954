"""Settings of the engines that are vLLM."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from mem1.imports import permitted
from mem1.inference.base import Engine
from mem1.inference.config import EngineConfig

# Arguments of vLLM that are numbers and switches. Others may name code: worker classes, plug-ins, a model's own code.
PLAIN_ARGUMENTS = frozenset(
    {
        "block_size",
        "cpu_offload_gb",
        "disable_log_stats",
        "enable_chunked_prefill",
        "enable_prefix_caching",
        "gpu_memory_utilization",
        "kv_cache_dtype",
        "max_num_batched_tokens",
        "max_num_seqs",
        "pipeline_parallel_size",
        "quantization",
        "seed",
        "swap_space",
        "tensor_parallel_size",
    }
)


class VllmConfig(EngineConfig):
    """vLLM in this process, for a model in a folder (``make venv-vllm``; a server of it is ``openai`` with ``exact``).

    ``slots``: completions written at the same time. ``max_context``: tokens, ``None`` for what the model allows.
    ``chat`` as for ``transformers``. ``eager``: no compilation, which takes minutes. ``extra``: more engine
    arguments; others than numbers and switches may name code and need ``--allow-imports``.
    """

    type: Literal["vllm"] = "vllm"
    slots: int = Field(default=64, ge=1)
    max_context: int | None = Field(default=None, ge=2)
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    chat: bool = False
    eager: bool = True
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator("extra")
    @classmethod
    def _names_no_code(cls, extra: dict[str, Any]) -> dict[str, Any]:
        for key in sorted(extra.keys() - PLAIN_ARGUMENTS):
            permitted(f"engine.extra.{key}")
        return extra

    def build(self, model: str) -> Engine:
        """The engine for a model in a folder."""
        from mem1.inference.folders import find_folder, local_tokenizer
        from mem1.inference.vllm.engine import VllmEngine

        folder = find_folder(model)
        return VllmEngine.start(self, folder, local_tokenizer(str(folder), chat=self.chat))
