"""What vLLM is started with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mem1.errors import ConfigError
from mem1.inference.vllm.config import VllmConfig

_RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
_PIECES = "enable_chunked_prefill"


def engine_arguments(config: VllmConfig, folder: Path, *, cpu: bool, adapter_rank: int | None = None) -> dict[str, Any]:
    """Arguments of vLLM's engine, for the model in ``folder`` and an adapter of ``adapter_rank`` if there is one.

    On a ``cpu`` prompts are computed whole: where one is computed in pieces, vLLM samples behind each piece, drops what
    it drew and sets the request's generator back by what a draw takes on a GPU; torch's generators for CPUs cannot be
    set back so, and the whole engine ends. Every request of ours has a generator of its own (``Request.seed``).

    With ``config.sleep`` memory comes from an allocator that can give it back and take it again.

    Raises ``ConfigError`` where ``config.extra`` asks for pieces there.
    """
    whole: dict[str, Any] = {_PIECES: False} if cpu else {}
    if cpu and config.extra.get(_PIECES):
        raise ConfigError(
            "vLLM on a CPU cannot compute prompts in pieces for requests with seeds",
            where=f"engine.extra.{_PIECES}",
            hint="leave it out: prompts are then computed whole",
        )
    adapter: dict[str, Any] = {}
    if adapter_rank is not None:
        adapter = {"enable_lora": True, "max_loras": 1, "max_lora_rank": _rank(adapter_rank)}
    return {
        "model": str(folder),
        "dtype": config.dtype,
        "max_model_len": config.max_context,
        "max_num_seqs": config.slots,
        "enforce_eager": config.eager,
        "enable_prefix_caching": True,
        "generation_config": "vllm",  # sample from the model's own distribution, whatever its authors suggest
        **whole,
        **({"enable_sleep_mode": True} if config.sleep else {}),
        **adapter,
        **config.extra,
    }


def _rank(rank: int) -> int:
    """The least rank that vLLM has a kernel for and that holds ``rank``. Raises ``ConfigError``."""
    for known in _RANKS:
        if rank <= known:
            return known
    raise ConfigError(
        f"vLLM takes adapters up to rank {_RANKS[-1]}, not {rank}", where="lora.r", hint="train one of lower rank"
    )
