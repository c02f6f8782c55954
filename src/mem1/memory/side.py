"""A memory's side calls: what stands in the prompt, within a hard limit, and the text that comes back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from mem1.inference.base import Section, Tokenizer, eos_ids
from mem1.memory.base import Ask
from mem1.memory.text.neutralise import SafeEncoder
from mem1.types import Completion

Ids = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SideTask:
    """One kind of side call: P, then the material, then an instruction that ends by opening a block of ``tag``.

    Material first and instruction last, so that a prompt which continues the policy's own last context finds it in
    the engine's cache.

    Attributes:
        purpose: Its name in records.
        instruction: What to do with the material.
        tag: The block that the engine fills; closing it ends the call.
        budget: Most tokens it may write.
        material: Most tokens there are to work on.
    """

    purpose: str
    instruction: str
    tag: str
    budget: int
    material: int

    def opening(self, tokenizer: Tokenizer) -> Ids:
        """The instruction and the opening tag, which is where the engine goes on."""
        return tuple(tokenizer.encode(f"\n{self.instruction}\n<{self.tag}>"))

    def limit(self, tokenizer: Tokenizer) -> int:
        """Most tokens of prompt and completion together, less |P|."""
        return self.material + len(self.opening(tokenizer)) + self.budget

    async def __call__(self, ask: Ask, own: Tokenizer, prefix: Ids, material: Ids) -> str:
        """The text that the engine asked writes about ``material``, the block's closing tag left out.

        With the policy's own tokenizer all ids are used as they are. For another engine the material becomes text that
        is harmless to its tokenizer, which has other control strings. It may need more tokens: then the oldest material
        gives way, so that the limit holds in its tokens too.
        """
        other = ask.tokenizer
        if other is not own:
            prefix = tuple(other.encode(own.decode(prefix)))
            material = _encoder(other)(own.decode(material))  # type: ignore[arg-type]  # every tokenizer can be a key
        room = self.limit(own) - self.budget
        last = self.opening(other)[:room]
        kept = min(len(material), room - len(last))
        prompt = (*prefix, *material[len(material) - kept :], *last)
        section = Section(self.purpose, stops=(), final_stops=(f"</{self.tag}>",), budget=self.budget)
        completion = await ask(self.purpose, prompt, section, prefix_length=len(prefix))
        return self._text(other, completion)

    def _text(self, tokenizer: Tokenizer, completion: Completion) -> str:
        ids = completion.token_ids
        if ids and ids[-1] in eos_ids(tokenizer):
            ids = ids[:-1]
        return tokenizer.decode(ids).partition(f"</{self.tag}>")[0].strip()


@lru_cache(maxsize=8)
def _encoder(tokenizer: Tokenizer) -> SafeEncoder:
    return SafeEncoder(tokenizer)
