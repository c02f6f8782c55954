"""Sampling at the service: token ids in and out, with the log-probabilities of the sampled tokens."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from mem1.errors import BackendError
from mem1.inference.base import Request
from mem1.inference.folders import local_tokenizer
from mem1.inference.pending import PendingCalls
from mem1.inference.weights import FixedWeights
from mem1.inference.writing import Ask, Piece, write
from mem1.integrations.tinker.client import boundary, numbers
from mem1.integrations.tinker.config import TinkerService
from mem1.types import Completion, Usage

if TYPE_CHECKING:
    from tinker import SamplingClient


class TinkerEngine(FixedWeights):
    """Asks ``sampler``; a trainer puts a new one in its place after each step (``use``).

    Args:
        config: The service.
        sampler: Who samples; ``None`` where a trainer will say before anything is written.
        max_context: Tokens of prompt and completion together.
    """

    def __init__(self, config: TinkerService, sampler: SamplingClient | None, max_context: int) -> None:
        self._config = config
        self._sampler = sampler
        self._slots = asyncio.Semaphore(config.slots)
        self._pending = PendingCalls()
        self.policy_version = 0
        self.tokenizer = local_tokenizer(config.tokenizer, chat=config.chat)
        self.max_context = max_context

    def use(self, sampler: SamplingClient, version: int) -> None:
        """Write with ``sampler`` from now on, whose weights have seen ``version`` updates."""
        self._sampler, self.policy_version = sampler, version

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``."""
        version = self.policy_version
        return await self._pending.run(
            request.session,
            lambda: write(request, self.tokenizer, self._ask, max_context=self.max_context, policy_version=version),
        )

    async def _ask(self, ask: Ask) -> Piece:
        from tinker import ModelInput, SamplingParams

        assert self._sampler is not None, "the trainer says who samples before anything is written"
        prompt = [*ask.request.prompt, *ask.written]
        settings = SamplingParams(
            max_tokens=ask.most,
            temperature=ask.request.temperature,
            seed=ask.seed,
            stop=list(ask.stops) or None,
        )
        async with self._slots:
            began = time.perf_counter()
            with boundary(self._config, "cannot sample"):
                promised = self._sampler.sample(ModelInput.from_ints(prompt), 1, settings)
                answer = await asyncio.wait_for(asyncio.wrap_future(promised), self._config.timeout)
        written = answer.sequences[0]
        ids, logprobs = tuple(written.tokens), tuple(numbers(written.logprobs or []))
        if len(ids) != len(logprobs):
            raise BackendError(
                f"the service gives {len(ids)} tokens and {len(logprobs)} log-probabilities",
                where=self._config.base_url,
            )
        text = self.tokenizer.decode(ids)
        ended = written.stop_reason == "stop" and not any(stop in text for stop in ask.stops)
        return Piece(ids, logprobs, ended, self._usage(len(prompt), answer.prompt_cache_hit_tokens, len(ids), began))

    def _usage(self, prompt: int, cached: int, completion: int, began: float) -> Usage:
        prices = self._config.prices
        return Usage(
            calls=1,
            prompt_tokens=prompt,
            cached_tokens=min(cached, prompt),
            completion_tokens=completion,
            seconds=time.perf_counter() - began,
            cost=None if prices is None else prices.cost(prompt=prompt, cached=cached, completion=completion),
        )

    def release(self, session: str) -> None:
        """Nothing is kept for a session."""

    async def close(self) -> None:
        """Pending calls fail with ``BackendError``."""
        self._pending.close()
