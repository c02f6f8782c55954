"""How a result enters the context: as much of it as the observation's budget holds, and where to read on."""

from __future__ import annotations

from collections.abc import Callable

from mem1.inference.base import Tokenizer
from mem1.memory.text.neutralise import SafeEncoder
from mem1.memory.text.tags import Tags
from mem1.types import Observation

_WIDEST = 16  # characters of a token, beyond which a text is cut before it is counted


class Shower:
    """Makes observations of at most ``budget`` tokens that say themselves what they leave out.

    It counts as the memory's own block does (``BlockWriter``), so that nothing is cut there a second time: what a
    policy is told of where to read on is true.

    Args:
        tokenizer: The policy's.
        tags: The control tags.
        actions: What else means something to the policy.
        budget: Tokens of the whole block, its tags among them.
    """

    def __init__(self, tokenizer: Tokenizer, tags: Tags, actions: tuple[str, ...], budget: int) -> None:
        self._encode = SafeEncoder(tokenizer, (*tags.control_strings, *actions))
        wrapper = (tags.opening(tags.observation), tags.closing(tags.observation))
        self._room = budget - sum(len(tokenizer.encode(tag)) for tag in wrapper)

    @property
    def widest(self) -> int:
        """Characters of a text of which more would surely not be shown."""
        return self._room * _WIDEST

    def __call__(self, head: str, text: str, more: Callable[[int], str], tail: str = "", *, whole: int) -> Observation:
        """An observation with ``head``, the beginning of ``text``, and ``tail``.

        ``whole``: characters that there are, ``text`` being their beginning (``widest`` of them are enough).
        ``more(shown)``: what to say at the end where only so many are shown; nothing is said where all are.
        """
        room = self._room - self._tokens(head) - self._tokens(f"\n{tail}")
        if whole <= len(text) and len(text) <= self.widest and self._tokens(f"\n{text}") <= room:
            return Observation(head=head, passages=(text,) if text else (), tail=tail)
        room -= self._tokens("\n" + more(whole)) + 1
        shown = self._fitting(text, room)
        return Observation(head=head, passages=(text[:shown],), tail="\n".join(filter(None, (more(shown), tail))))

    def passages(self, head: str, texts: list[str], tail: str) -> Observation:
        """An observation of several texts, the last of which are left out where there is no room; the first is cut."""
        return Observation(head=head, passages=tuple(texts), tail=tail)

    def _fitting(self, text: str, room: int) -> int:
        """Most characters of ``text`` that ``room`` tokens hold."""
        low, high = 0, min(len(text), max(room, 0) * _WIDEST)
        while low < high:
            middle = (low + high + 1) // 2
            if self._tokens("\n" + text[:middle]) <= room:
                low = middle
            else:
                high = middle - 1
        return low

    def _tokens(self, text: str) -> int:
        return len(self._encode(text)) if text else 0
