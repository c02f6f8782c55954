"""Somebody to ask in side calls, and an embedding of letters."""

from __future__ import annotations

from collections.abc import Callable

from mem1.inference.base import Request, Section, Tokenizer
from mem1.inference.scripted.engine import ScriptedEngine
from mem1.types import Completion, SideCall


class Asked:
    """An ``Ask`` that always says the same, or what ``say`` makes of the prompt's text; it keeps all calls."""

    def __init__(self, tokenizer: Tokenizer, say: str | Callable[[str], str]) -> None:
        self.tokenizer = tokenizer
        self._engine = ScriptedEngine(lambda _, prompt: say if isinstance(say, str) else say(prompt), tokenizer)
        self.calls: list[SideCall] = []

    @property
    def prompts(self) -> list[str]:
        """What was asked, as text."""
        return [self.tokenizer.decode(call.prompt_token_ids) for call in self.calls]

    async def __call__(
        self, purpose: str, prompt: tuple[int, ...], section: Section, *, prefix_length: int
    ) -> Completion:
        completion = await self._engine.generate(Request(prompt, (section,), session="side"))
        self.calls.append(
            SideCall(
                turn=0,
                purpose=purpose,
                prompt_token_ids=prompt,
                prefix_length=prefix_length,
                completion_token_ids=completion.token_ids,
            )
        )
        return completion


def letters(text: str) -> list[float]:
    """How often each of a, b, c and d stands in ``text``."""
    return [float(text.count(letter)) for letter in "abcd"]
