"""An engine whose policy is a function: for tests, and for experts that write demonstrations."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mem1.errors import BackendError
from mem1.inference.base import Request, Tokenizer
from mem1.inference.sections import SectionTracker
from mem1.inference.tokenizers.toy import WordTokenizer
from mem1.inference.weights import FixedWeights
from mem1.types import Completion

Write = Callable[[str, str], str]


class ScriptedEngine(FixedWeights):
    """Writes what ``write(session, context_text)`` returns, under the same sections as any engine.

    The text is encoded and fed token by token: budgets, forced closings and stops hold as they do
    for a model, and what follows a final stop is never written. A text that ends before its
    sections do is ended with the end-of-text token. Log-probabilities are 0.0.
    """

    policy_version = 0  # a script is not trained
    is_model = False  # and its calls are none that anybody limits or pays for

    def __init__(self, write: Write, tokenizer: Tokenizer | None = None, max_context: int = 1_000_000) -> None:
        self._write = write
        self.tokenizer: Tokenizer = tokenizer if tokenizer is not None else WordTokenizer()
        self.max_context = max_context
        self._closed = False

    async def generate(self, request: Request) -> Completion:
        """Write one completion. Raises ``BackendError`` when closed or when the prompt fills the context."""
        await asyncio.sleep(0)  # as with a model, others get their turn while this one is written
        if self._closed:
            raise BackendError("the engine is closed", where=request.session, hint="generate before close()")
        request.check_prompt()
        room = self.max_context - len(request.prompt)
        if room <= 0:
            raise BackendError(
                f"a prompt of {len(request.prompt)} tokens leaves no room in a context of {self.max_context}",
                where=request.session,
                hint="raise max_context or shorten the prompt",
            )
        text = self._write(request.session, self.tokenizer.decode(request.prompt))
        tracker = SectionTracker(self.tokenizer, request.sections, room)
        feed = tracker.feed
        for token_id in self.tokenizer.encode(text):
            if feed(token_id).finish is not None:
                return tracker.completion()
        if self.tokenizer.eos_id is None:
            tracker.cut()
        else:
            feed(self.tokenizer.eos_id)
        return tracker.completion()

    def release(self, session: str) -> None:
        """Nothing is kept for a session."""

    async def close(self) -> None:
        """Refuse further calls."""
        self._closed = True
