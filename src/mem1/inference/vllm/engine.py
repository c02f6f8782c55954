"""vLLM in this process, as an engine: continuous batching and a cache of prefixes shared by all episodes."""

from __future__ import annotations

from pathlib import Path

from mem1.inference.base import Request, Tokenizer
from mem1.inference.folders import is_adapter
from mem1.inference.following import EXACT, ROUNDED
from mem1.inference.pending import PendingCalls
from mem1.inference.vllm.backend import VllmBackend
from mem1.inference.vllm.config import VllmConfig
from mem1.inference.weights import FileWeights, WeightSource, refuse
from mem1.inference.writing import write
from mem1.types import Completion


class VllmEngine:
    """Samples by vLLM from a model in a folder, and from what training makes of it (``update_weights``).

    Args:
        backend: The running vLLM; stopped by ``close``.
        tokenizer: The model's own.
        handover_gap: See ``FollowingConfig``.
    """

    def __init__(self, backend: VllmBackend, tokenizer: Tokenizer, *, handover_gap: float | None = None) -> None:
        self._backend = backend
        self.tokenizer = tokenizer
        self.max_context = backend.max_context
        self.policy_version = 0
        self.handover_gap = handover_gap or (EXACT if backend.float32 else ROUNDED)
        self._pending = PendingCalls()

    @classmethod
    def start(
        cls, config: VllmConfig, folder: Path, tokenizer: Tokenizer, *, adapter_rank: int | None = None
    ) -> VllmEngine:
        """Start vLLM (half a minute and more) on the model in ``folder``. Raises as ``VllmBackend``."""
        backend = VllmBackend(config, folder, adapter_rank=adapter_rank)
        return cls(backend, tokenizer, handover_gap=config.handover_gap)

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``."""
        return await self._pending.run(
            request.session,
            lambda: write(
                request,
                self.tokenizer,
                self._backend.call,
                max_context=self.max_context,
                policy_version=self.policy_version,
            ),
        )

    async def update_weights(self, version: int, source: WeightSource) -> None:
        """Take the weights, or the low-rank adapter, that lie in a folder. Raises ``BackendError``, ``ConfigError``."""
        if not isinstance(source, FileWeights):
            refuse(self, source)
        self._pending.check_idle()
        await self._backend.load(source.folder, version, adapter=is_adapter(source.folder))
        self.policy_version = version

    async def confirm(self) -> None:
        """It lives in this process: nobody else gives it weights."""

    async def sleep(self) -> None:
        """Give the device's memory back until there are new weights. Raises ``BackendError``."""
        self._pending.check_idle()
        await self._backend.sleep()

    def release(self, session: str) -> None:
        """Nothing is kept for a session: prefixes are shared by all."""

    async def close(self) -> None:
        """Stop vLLM. Pending calls fail with ``BackendError``."""
        self._pending.close()
        self._backend.stop()
