"""vLLM in this process, as an engine: continuous batching and a cache of prefixes shared by all episodes.

vLLM lives on an event loop in a thread of its own, so that the engine can be used from one loop after another. It
takes and returns token ids and finds stop strings by itself, with the tokenizer that lies beside the model.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import finalize

from mem1.errors import BackendError, Mem1Error, ModelError, boundary
from mem1.inference.base import Request, Tokenizer
from mem1.inference.config import VllmConfig
from mem1.inference.pending import PendingCalls
from mem1.inference.weights import FixedWeights
from mem1.inference.writing import Ask, Piece, write
from mem1.types import Completion, Usage

if TYPE_CHECKING:
    from vllm.v1.engine.async_llm import AsyncLLM

_SEEDS = 2**31


class VllmBackend:
    """A running vLLM. Stops when ``stop`` is called, and at the latest with the interpreter.

    Raises ``Mem1Error`` without the package, ``ModelError`` where vLLM cannot serve the model.
    """

    def __init__(self, config: VllmConfig, folder: Path) -> None:
        try:
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.v1.engine.async_llm import AsyncLLM
        except ModuleNotFoundError as error:
            raise Mem1Error(
                f"the vllm engine needs a package that is not here: {error.name}",
                hint="vLLM pins versions of its own and has its own environment: make venv-vllm, then run "
                ".venv-vllm/bin/python -m mem1",
            ) from error
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm", daemon=True)
        self._thread.start()
        self._numbers = itertools.count()
        settings: dict[str, Any] = {
            "model": str(folder),
            "dtype": config.dtype,
            "max_model_len": config.max_context,
            "max_num_seqs": config.slots,
            "enforce_eager": config.eager,
            "enable_prefix_caching": True,
            "generation_config": "vllm",  # sample from the model's own distribution, whatever its authors suggest
            **config.extra,
        }

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
        self.stop = finalize(self, _stop, self._llm, self._loop, self._thread)

    async def call(self, ask: Ask) -> Piece:
        """What vLLM writes behind ``ask``. Raises ``BackendError``."""
        future = asyncio.run_coroutine_threadsafe(self._call(ask), self._loop)
        with boundary("vLLM failed", BackendError, hint="see its log; the request may be retried"):
            return await asyncio.wrap_future(future)

    async def _call(self, ask: Ask) -> Piece:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        parameters = SamplingParams(
            temperature=ask.request.temperature,
            seed=(ask.request.seed + ask.number) % _SEEDS,
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
        final: Any = [output async for output in self._llm.generate(prompt, parameters, name)][-1]
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


class VllmEngine(FixedWeights):
    """Samples by vLLM from a model in a folder; its weights are fixed.

    Args:
        backend: The running vLLM; stopped by ``close``.
        tokenizer: The model's own.
    """

    policy_version = 0  # these weights are not trained

    def __init__(self, backend: VllmBackend, tokenizer: Tokenizer) -> None:
        self._backend = backend
        self.tokenizer = tokenizer
        self.max_context = backend.max_context
        self._pending = PendingCalls()

    @classmethod
    def start(cls, config: VllmConfig, folder: Path, tokenizer: Tokenizer) -> VllmEngine:
        """Start vLLM (half a minute and more) on the model in ``folder``. Raises as ``VllmBackend``."""
        return cls(VllmBackend(config, folder), tokenizer)

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``."""
        if not request.prompt:
            raise BackendError("the prompt is empty", where=request.session, hint="give at least one token")
        return await self._pending.run(
            request.session,
            lambda: write(request, self.tokenizer, self._backend.call, max_context=self.max_context),
        )

    def release(self, session: str) -> None:
        """Nothing is kept for a session: prefixes are shared by all."""

    async def close(self) -> None:
        """Stop vLLM. Pending calls fail with ``BackendError``."""
        self._pending.close()
        self._backend.stop()


def _stop(llm: AsyncLLM, loop: asyncio.AbstractEventLoop, thread: threading.Thread) -> None:
    async def end() -> None:
        llm.shutdown()
        # Its finalizer calls it again, at a time when the interpreter may have taken vLLM's modules apart.
        vars(llm)["shutdown"] = lambda *_: None

    asyncio.run_coroutine_threadsafe(end(), loop).result(30)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
