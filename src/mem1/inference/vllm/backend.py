"""A running vLLM in this process.

It lives on an event loop in a thread of its own, so that it can be used from one loop after another. It takes and
returns token ids and finds stop strings by itself, with the tokenizer that lies beside the model.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import finalize

from mem1.errors import BackendError, ModelError, boundary
from mem1.inference.vllm.arguments import engine_arguments
from mem1.inference.vllm.config import VllmConfig
from mem1.inference.vllm.platform import check_sleep, device, missing
from mem1.inference.writing import Ask, Piece
from mem1.types import Usage

if TYPE_CHECKING:
    from vllm.lora.request import LoRARequest
    from vllm.v1.engine.async_llm import AsyncLLM

T = TypeVar("T")
_ADAPTER = 1  # vLLM's number of the one adapter that is trained
_KEEP, _DISCARD = 1, 2  # vLLM's levels of sleep: what becomes of the weights; the cache is gone with both


class VllmGoneError(BackendError):
    """vLLM has ended; no call can succeed before it is started again."""

    ends_run = True


class VllmBackend:
    """A running vLLM. Stops when ``stop`` is called, and at the latest with the interpreter.

    Args:
        config: Settings.
        folder: The model's.
        adapter_rank: Largest rank of the low-rank adapter that it will be given; ``None``: it will be given none.

    Raises ``Mem1Error`` without the package, ``ConfigError`` where it cannot sleep and should, ``ModelError`` where
    vLLM cannot serve the model.
    """

    def __init__(self, config: VllmConfig, folder: Path, *, adapter_rank: int | None = None) -> None:
        try:
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ModuleNotFoundError as error:
            raise missing(error) from error
        if config.sleep:
            check_sleep(device())
        settings = engine_arguments(config, folder, cpu=device().is_cpu(), adapter_rank=adapter_rank)
        self._keeps_base = adapter_rank is not None
        self._asleep = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True)
        self._thread.start()
        self._numbers = itertools.count()
        self._adapter: LoRARequest | None = None

        async def start() -> AsyncLLM:
            return AsyncLLM.from_engine_args(AsyncEngineArgs(**settings))

        with boundary(
            "vLLM cannot serve the model", ModelError, hint="see its log above; engine.extra holds more of its settings"
        ):
            try:
                self._llm: AsyncLLM = asyncio.run_coroutine_threadsafe(start(), self._loop).result()
            except BaseException:
                self._loop.call_soon_threadsafe(self._loop.stop)
                raise
        self.max_context: int = self._llm.model_config.max_model_len
        self.float32: bool = str(self._llm.model_config.dtype) == "torch.float32"
        self.stop = finalize(self, _stop, self._llm, self._loop, self._thread)

    async def call(self, ask: Ask) -> Piece:
        """What vLLM writes behind ``ask``. Raises ``BackendError``."""
        return await self._there(self._call(ask), "vLLM failed", "see its log; the request may be retried")

    async def load(self, folder: Path, version: int, *, adapter: bool) -> None:
        """Write with the weights (or the low-rank adapter) in ``folder`` from now on, and drop what is cached.

        Wakes it where it sleeps. Raises ``BackendError``; vLLM's weights may then be anything, so that no call should
        follow.
        """
        hint = "see its log; the model in engine and trainer must be the same"
        if self._asleep:
            hint += ". It was asleep: its memory must be free again (engine.extra.gpu_memory_utilization)"
        await self._there(self._load(folder, version, adapter=adapter), "vLLM does not take the weights", hint)

    async def sleep(self) -> None:
        """Give the device's memory back until ``load``: of cache and weights, which are given anew then.

        Weights beneath an adapter wait in main memory. Raises ``BackendError``.
        """
        if not self._asleep:
            level = _KEEP if self._keeps_base else _DISCARD
            await self._there(self._llm.sleep(level=level), "vLLM does not give its memory back", "see its log")
            self._asleep = True

    async def _there(self, work: Coroutine[Any, Any, T], what: str, hint: str) -> T:
        """``work`` on vLLM's own loop."""
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            with boundary(what, BackendError, hint=hint):
                return await asyncio.wrap_future(future)
        except BackendError as error:
            if self._llm.errored:
                raise VllmGoneError(
                    f"vLLM has ended: {error.what}",
                    hint="see its log for the cause; when it is mended go on with the run: --run DIR --resume",
                ) from error
            raise

    async def _load(self, folder: Path, version: int, *, adapter: bool) -> None:
        if self._asleep:  # room for the weights first, and for the cache when they are there
            await self._llm.wake_up(tags=["weights"])
        if adapter:
            from vllm.lora.request import LoRARequest

            self._adapter = LoRARequest(
                lora_name="trained", lora_int_id=_ADAPTER, lora_path=str(folder), load_inplace=True
            )
            await self._llm.add_lora(self._adapter)
        else:
            await self._llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        if self._asleep:
            await self._llm.wake_up(tags=["kv_cache"])
            self._asleep = False
        if not await self._llm.reset_prefix_cache():
            raise BackendError("vLLM still holds prefixes that were computed under the former weights")
        await self._llm.update_weight_version(str(version))

    async def _call(self, ask: Ask) -> Piece:
        if self._asleep:  # vLLM would hold the request until it wakes
            raise BackendError(
                "vLLM sleeps", where=ask.request.session, hint="give it weights first: update_weights wakes it"
            )
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        parameters = SamplingParams(
            temperature=ask.request.temperature,
            seed=ask.seed,
            max_tokens=ask.most,
            stop=list(ask.stops),
            include_stop_str_in_output=True,
            # Tags may be special tokens; left out of the text they would stop nothing.
            skip_special_tokens=False,
            spaces_between_special_tokens=False,
            logprobs=0,  # of the sampled token alone; vLLM reports them at temperature 1
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
        prompt: Any = {"prompt_token_ids": [*ask.request.prompt, *ask.written]}
        began = time.perf_counter()
        name = f"{ask.request.session}#{next(self._numbers)}"
        outputs = self._llm.generate(prompt, parameters, name, lora_request=self._adapter)
        final: Any = [output async for output in outputs][-1]
        written = final.outputs[0]
        if written.finish_reason not in ("stop", "length"):
            raise BackendError(f"vLLM ended with {written.finish_reason!r}", where=ask.request.session)
        ids = tuple(written.token_ids)
        return Piece(
            token_ids=ids,
            logprobs=tuple(row[token].logprob for row, token in zip(written.logprobs, ids, strict=True)),
            ended=written.finish_reason == "stop" and not isinstance(written.stop_reason, str),
            usage=Usage(
                calls=1,
                prompt_tokens=len(final.prompt_token_ids),
                cached_tokens=final.num_cached_tokens or 0,
                completion_tokens=len(ids),
                seconds=time.perf_counter() - began,
            ),
        )


def _stop(llm: AsyncLLM, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    async def end() -> None:
        llm.shutdown()
        # Its finalizer calls it again, at a time when the interpreter may have taken vLLM's modules apart.
        vars(llm)["shutdown"] = lambda *_: None

    asyncio.run_coroutine_threadsafe(end(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
