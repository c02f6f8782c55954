"""The transformers engine: any Hugging Face causal LM, many completions at once, one thread.

Requests wait in a queue, take a slot of the key-value cache, have the part of their prompt that the
slot does not hold yet prefilled, and join the decoding batch; a finished one leaves at once. The
engine steps only when every coroutine that could run is waiting for it, on the caller's event loop,
so a run on CPU can be repeated bit for bit.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from transformers import PreTrainedModel

from mem1.errors import BackendError, ConfigError
from mem1.inference.base import Request, Tokenizer
from mem1.inference.config import Schedule
from mem1.inference.hf.lengths import rotary_limit
from mem1.inference.hf.loading import load_weights, read_weights
from mem1.inference.hf.runners.base import Feed
from mem1.inference.hf.runners.choose import make_runner
from mem1.inference.hf.sampling import sample, uniforms
from mem1.inference.hf.slots import SlotTable, common_prefix
from mem1.inference.sections import SectionTracker
from mem1.inference.weights import FileWeights, SharedWeights, StateWeights, WeightSource
from mem1.types import Completion

_QUIET_TURNS = 4  # event-loop turns without a new request after which everybody is taken to wait
_SHORT = 4  # up to this many tokens are fed one by one with the decoding batch instead of prefilled
_WORTH = 16  # tokens that another session's slot must hold in addition for a copy to pay


@dataclass(slots=True)
class EngineStats:
    """Counted since the engine was made; tokens and seconds."""

    prefill_tokens: int = 0
    decode_tokens: int = 0
    reused_tokens: int = 0
    prefill_seconds: float = 0.0
    decode_seconds: float = 0.0


@dataclass(slots=True, eq=False)
class _Live:
    """A request in flight.

    ``todo`` are the tokens not in the cache yet; with the last of them the next is sampled. ``fresh``
    until the first of them went in; ``over`` when it is finished and only keeps its lock-step batch company.
    """

    request: Request
    future: asyncio.Future[Completion]
    tracker: SectionTracker
    numbers: list[float]
    slot: int = -1
    todo: deque[int] = field(default_factory=deque)
    drawn: int = 0
    fresh: bool = True
    over: bool = False


class TransformersEngine:
    """Samples from ``model``, whose weights stay the caller's: call ``set_version`` after changing them.

    Args:
        model: A causal LM; shared, not copied.
        tokenizer: Its tokenizer.
        slots: Completions written at the same time; more requests wait.
        max_context: Largest prompt + completion in tokens; ``None`` takes the model's limit.
        prefill_tokens: Most prompt tokens, padding included, computed between two decoding steps.
        schedule: "lockstep" starts and ends whole batches together: slower, for comparison only.

    How it computes is tried before anything is written, see ``runners.choose``.

    Raises ``ConfigError`` when ``max_context`` is beyond what the model allows, and ``ModelError`` for a model that
    cannot be sampled from exactly.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: Tokenizer,
        *,
        slots: int = 64,
        max_context: int | None = None,
        prefill_tokens: int = 4096,
        schedule: Schedule = "continuous",
    ) -> None:
        config = model.config.get_text_config()
        limit = getattr(config, "max_position_embeddings", None)
        if max_context is not None and limit is not None and max_context > limit:
            raise ConfigError(
                f"max_context {max_context} is beyond the model's {limit} positions",
                where="engine.max_context",
                hint=f"set it to {limit} or less, or leave it out",
            )
        self._max_context = max_context or limit or 1_000_000
        fixed = rotary_limit(config)
        if fixed is not None and self._max_context > fixed:
            raise ConfigError(
                f"the rotary positions of {type(model).__name__} change for contexts of more than {fixed} tokens, and "
                f"max_context is {self._max_context}: what is cached before and after would not belong together",
                where="engine.max_context",
                hint=f"set it to {fixed} or less",
            )
        self._model = model
        self._tokenizer = tokenizer
        self._prefill_tokens = prefill_tokens
        self._lockstep = schedule == "lockstep"
        self._vocabulary = config.vocab_size
        self._runner = make_runner(model, self._max_context, piece=prefill_tokens)
        self._slots = SlotTable(slots)
        self._waiting: deque[_Live] = deque()
        self._live: list[_Live] = []
        self._arrivals = 0
        self._pump: asyncio.Task[None] | None = None
        self._version = 0
        self._closed = False
        self.stats = EngineStats()

    @property
    def tokenizer(self) -> Tokenizer:
        """The policy's tokenizer."""
        return self._tokenizer

    @property
    def policy_version(self) -> int:
        """Number of weight updates, as last told to ``set_version``."""
        return self._version

    @property
    def max_context(self) -> int:
        """Largest prompt + completion, in tokens."""
        return self._max_context

    def set_version(self, version: int) -> None:
        """Say that the weights changed: everything cached is dropped. Refused while requests are in flight."""
        self._check_idle()
        self._slots.forget()
        self._version = version

    def _check_idle(self) -> None:
        if self._live or self._waiting:
            raise BackendError(
                f"the weights changed while {len(self._live) + len(self._waiting)} requests were in flight",
                hint="await all completions before updating the policy",
            )

    async def update_weights(self, version: int, source: WeightSource) -> None:
        """Take weights that are shared, given as tensors, or lie in a file. Raises ``BackendError``, ``ModelError``."""
        self._check_idle()
        match source:
            case SharedWeights(refresh=refresh):
                if refresh is not None:
                    refresh()
            case StateWeights(tensors=tensors):
                load_weights(self._model, tensors, where="update_weights")
            case FileWeights():
                load_weights(self._model, read_weights(source.file), where=str(source.file))
        self.set_version(version)

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError``."""
        self._check(request)
        loop = asyncio.get_running_loop()
        numbers = uniforms(request.seed, sum(section.budget for section in request.sections))
        live = _Live(request, loop.create_future(), SectionTracker(self._tokenizer, request.sections), numbers)
        if self._pump is None or self._pump.done() or self._pump.get_loop() is not loop:
            self._abandon("the event loop of earlier requests is gone")
            self._pump = loop.create_task(self._run())
        self._waiting.append(live)
        self._arrivals += 1
        return await live.future

    def release(self, session: str) -> None:
        """Forget what is kept for ``session``. Unknown sessions are ignored."""
        self._slots.release(session)

    async def close(self) -> None:
        """Free the cache. Pending calls fail with ``BackendError``."""
        self._closed = True
        if self._pump is not None and not self._pump.done():
            self._pump.cancel()
        self._abandon("the engine was closed")
        self._slots.forget()
        self._runner.clear()

    def _check(self, request: Request) -> None:
        if self._closed:
            raise BackendError("the engine is closed", where=request.session, hint="make a new engine")
        request.check_prompt()
        needed = len(request.prompt) + sum(section.budget for section in request.sections)
        if needed > self._max_context:
            raise BackendError(
                f"a prompt of {len(request.prompt)} tokens and budgets of {needed - len(request.prompt)} "
                f"do not fit a context of {self._max_context}",
                where=request.session,
                hint="lower the budgets, or raise engine.max_context if the model allows it",
            )
        ids = (*request.prompt, *(token for section in request.sections for token in section.closing))
        if min(ids) < 0 or max(ids) >= self._vocabulary:
            raise BackendError(
                f"token ids from {min(ids)} to {max(ids)} with a vocabulary of {self._vocabulary}",
                where=request.session,
                hint="use the tokenizer that belongs to the model",
            )

    async def _run(self) -> None:
        """The pump: lives while there is something to do, one step whenever all others wait."""
        training = self._model.training
        self._model.train(False)
        try:
            while self._waiting or self._live:
                await self._settle()
                self._step()
        except Exception as error:
            self._abandon(f"the model failed: {type(error).__name__}: {error}", error)
            self._slots.forget()
            self._runner.clear()  # it may hold what is not a number, which a mask does not keep out
        finally:
            self._abandon("sampling was cancelled")
            self._model.train(training)

    async def _settle(self) -> None:
        quiet, seen = 0, self._arrivals
        while quiet < _QUIET_TURNS:
            await asyncio.sleep(0)
            quiet = quiet + 1 if self._arrivals == seen else 0
            seen = self._arrivals

    def _step(self) -> None:
        self._drop_cancelled()
        self._admit()
        began = time.perf_counter()
        batch = self._prefill_batch()
        if batch:
            self._feed(batch)
            self.stats.prefill_tokens += sum(len(tokens) for _, tokens in batch)
        between = time.perf_counter()
        # Static batching computes finished rows until the last one ends; any token will do for them.
        idle = [(live, [0]) for live in self._live if live.over]
        decoding = [(live, [live.todo.popleft()]) for live in self._live if 0 < len(live.todo) <= _SHORT]
        if decoding:
            self._feed([*decoding, *idle])
            self.stats.decode_tokens += len(decoding)
        self.stats.prefill_seconds += between - began
        self.stats.decode_seconds += time.perf_counter() - between

    def _admit(self) -> None:
        if self._lockstep and self._live:
            return
        while self._waiting:
            slot = self._slots.take(self._waiting[0].request.session)
            if slot is None:
                return
            live = self._waiting.popleft()
            live.slot = slot
            self._keep(live, common_prefix(self._slots.held[slot], live.request.prompt) if self._runner.reuses else 0)
            self._live.append(live)

    def _keep(self, live: _Live, count: int) -> None:
        """Continue from ``count`` tokens of the slot; the last of the prompt is always computed, for its logits."""
        kept = min(count, len(live.request.prompt) - 1)
        del self._slots.held[live.slot][kept:]
        live.todo = deque(live.request.prompt[kept:])

    def _borrow(self, live: _Live) -> None:
        """Copy the beginning of the prompt from another session's slot, where one holds enough of it."""
        prompt = live.request.prompt
        own = len(self._slots.held[live.slot])
        source, count = self._slots.best_match(prompt, own + _WORTH)
        if source is not None:
            self._runner.copy(source, live.slot, count)
            self._slots.held[live.slot] = list(prompt[:count])
            self._keep(live, count)

    def _prefill_batch(self) -> list[tuple[_Live, list[int]]]:
        """The oldest waiting prompt and as many of about its length as fit; one longer than the bound goes in pieces.

        A prompt that begins like one in the batch waits a step, to copy that part instead.
        """
        if self._runner.reuses:
            for live in self._live:
                if live.fresh and len(live.todo) > _SHORT:
                    self._borrow(live)
        pending = [live for live in self._live if len(live.todo) > _SHORT]
        if not pending:
            return []
        oldest = len(pending[0].todo)
        batch: list[tuple[_Live, list[int]]] = []
        width = 0
        for live in sorted(pending, key=lambda live: abs(len(live.todo) - oldest)):
            size = min(len(live.todo), self._prefill_tokens)
            if batch and max(width, size) * (len(batch) + 1) > self._prefill_tokens:
                continue
            if live.fresh and self._runner.reuses and self._follows(live, batch):
                continue
            width = max(width, size)
            batch.append((live, [live.todo.popleft() for _ in range(size)]))
        return batch

    def _follows(self, live: _Live, batch: Sequence[tuple[_Live, Sequence[int]]]) -> bool:
        begin = live.request.prompt[: len(self._slots.held[live.slot]) + _WORTH]
        return len(live.todo) > _WORTH and any(first.request.prompt[: len(begin)] == begin for first, _ in batch)

    def _feed(self, batch: Sequence[tuple[_Live, Sequence[int]]]) -> None:
        """Run the model over ``batch`` and sample for those with nothing left to lay down."""
        held = self._slots.held
        logits = self._runner.forward([Feed(live.slot, len(held[live.slot]), tokens) for live, tokens in batch])
        for live, tokens in batch:
            if not live.over:
                if live.fresh:
                    live.fresh = False
                    self.stats.reused_tokens += len(held[live.slot])
                held[live.slot].extend(tokens)
        ready = [row for row, (live, _) in enumerate(batch) if not live.todo and not live.over]
        if not ready:
            return
        if len(ready) < len(batch):
            logits = logits[torch.tensor(ready, device=logits.device)]
        lives = [batch[row][0] for row in ready]
        tokens, logprobs = sample(
            logits, [live.numbers[live.drawn] for live in lives], [live.request.temperature for live in lives]
        )
        for live, token, logprob in zip(lives, tokens, logprobs, strict=True):
            live.drawn += 1
            self._take_in(live, token, logprob)

    def _take_in(self, live: _Live, token: int, logprob: float) -> None:
        step = live.tracker.feed(token, logprob)
        if step.finish is None:
            live.todo.append(token)
            live.todo.extend(step.forced)
            return
        live.over = True
        if not self._lockstep:
            self._finish(live)
        elif all(other.over for other in self._live):
            for other in list(self._live):
                self._finish(other)

    def _finish(self, live: _Live) -> None:
        self._live.remove(live)
        self._slots.rest(live.request.session, live.slot)
        if not live.future.done():
            live.future.set_result(live.tracker.completion(self._version))

    def _drop_cancelled(self) -> None:
        for live in [live for live in self._live if live.future.done()]:
            self._live.remove(live)
            self._slots.give_back(live.slot)
        self._waiting = deque(live for live in self._waiting if not live.future.done())

    def _abandon(self, why: str, cause: Exception | None = None) -> None:
        """Fail everything in flight."""
        for live in self._live:
            self._slots.give_back(live.slot)
        for live in (*self._live, *self._waiting):
            if not live.future.done() and not live.future.get_loop().is_closed():
                error = BackendError(why, where=live.request.session, hint="see the cause; the request may be retried")
                error.__cause__ = cause
                live.future.set_exception(error)
        self._live.clear()
        self._waiting.clear()
