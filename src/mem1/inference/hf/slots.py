"""Which session holds which slot of the cache, and what the slot's cache holds."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Number of tokens that both begin with."""
    for index, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return index
    return min(len(left), len(right))


class SlotTable:
    """A fixed number of slots; those of sessions at rest are kept until one is needed.

    ``held[slot]`` are the tokens whose keys and values lie in the slot, from position 0 on.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.held: list[list[int]] = [[] for _ in range(count)]
        self._free = list(range(count))
        self._resting: dict[str, int] = {}  # in the order of last use

    def take(self, session: str) -> int | None:
        """A slot for ``session``: its own if kept, else a free one, else the one longest at rest."""
        if session in self._resting:
            return self._resting.pop(session)
        if self._free:
            return heapq.heappop(self._free)
        if self._resting:
            slot = self._resting.pop(next(iter(self._resting)))
            self.held[slot] = []
            return slot
        return None

    def best_match(self, prompt: Sequence[int], least: int) -> tuple[int | None, int]:
        """The slot that holds the longest beginning of ``prompt``, and its length; none below ``least`` tokens."""
        best: int | None = None
        for slot, held in enumerate(self.held):
            if len(held) >= least and held[:least] == list(prompt[:least]):
                best, least = slot, common_prefix(held, prompt) + 1
        return (None, 0) if best is None else (best, least - 1)

    def rest(self, session: str, slot: int) -> None:
        """Keep the slot for the session's next request."""
        self.release(session)
        self._resting[session] = slot

    def give_back(self, slot: int) -> None:
        """Free a slot that was taken."""
        self.held[slot] = []
        heapq.heappush(self._free, slot)

    def release(self, session: str) -> None:
        """Free what is kept for ``session``, if anything."""
        slot = self._resting.pop(session, None)
        if slot is not None:
            self.give_back(slot)

    def forget(self) -> None:
        """Free everything that is at rest."""
        for session in list(self._resting):
            self.release(session)
