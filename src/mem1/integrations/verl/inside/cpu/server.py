"""mem1's transformers engine as a server of verl: token ids in, token ids and log-probabilities out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from itertools import count
from typing import Any

import torch
from verl.workers.rollout.replica import TokenOutput

from mem1.inference.base import Request, Section
from mem1.inference.hf.loading import load_model, load_tokenizer
from mem1.inference.hf.transformers_engine import TransformersEngine
from mem1.inference.weights import StateWeights
from mem1.types import FinishReason


class Server:
    """One model and its engine. Its coroutines run on the actor's event loop, many at once."""

    def __init__(self, path: str, *, slots: int, max_context: int | None, prefill_tokens: int) -> None:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
        self._numbers = count()
        self._engine = TransformersEngine(
            load_model(path, dtype="float32", device="cpu"),
            load_tokenizer(path),
            slots=slots,
            max_context=max_context,
            prefill_tokens=prefill_tokens,
        )

    def get_address(self) -> str:
        """Something to tell servers apart by."""
        return f"mem1-{os.getpid()}"

    async def generate(
        self, request_id: str, prompt_ids: list[int], sampling_params: dict[str, Any], **keys: Any
    ) -> TokenOutput:
        """Go on behind ``prompt_ids``: ``max_tokens`` at most, until one of the strings ``stop``."""
        completion = await self._engine.generate(
            Request(
                prompt=tuple(prompt_ids),
                sections=(
                    Section(
                        name="text",
                        stops=(),
                        final_stops=tuple(sampling_params.get("stop") or ()),
                        budget=int(sampling_params["max_tokens"]),
                    ),
                ),
                session=f"{request_id}#{next(self._numbers)}",
                seed=int(sampling_params.get("seed") or 0),
                temperature=float(sampling_params.get("temperature", 1.0)),
            )
        )
        return TokenOutput(
            token_ids=list(completion.token_ids),
            log_probs=list(completion.logprobs),
            stop_reason="length" if completion.finish is FinishReason.LENGTH else "completed",
            num_preempted=0,
            extra_fields={"global_steps": completion.policy_version},
        )

    async def load(self, named: Mapping[str, torch.Tensor], version: int | None) -> None:
        """Write with these weights from now on. Raises ``BackendError`` where one is missing."""
        await self._engine.update_weights(version or 0, StateWeights(named))

    async def wake_up(self, *args: Any, **keys: Any) -> None:
        """It does not sleep."""

    async def sleep(self, *args: Any, **keys: Any) -> None:
        """Nothing is given up: there is no memory to share."""

    async def abort_all_requests(self, *args: Any, **keys: Any) -> dict[str, Any]:
        """Weights are handed over between rollouts only."""
        return {}

    async def resume_generation(self, *args: Any, **keys: Any) -> None:
        """Nothing was stopped."""

    async def clear_kv_cache(self, *args: Any, **keys: Any) -> None:
        """New weights clear it."""

    async def release_kv_cache(self, *args: Any, **keys: Any) -> None:
        """There is no memory to share."""

    async def resume_kv_cache(self, *args: Any, **keys: Any) -> None:
        """It was not released."""

    async def start_profile(self, **keys: Any) -> None:
        """Not profiled."""

    async def stop_profile(self, **keys: Any) -> None:
        """Not profiled."""
