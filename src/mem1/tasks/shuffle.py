"""Randomness that comes out the same on every machine and every version of Python."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Sequence

from mem1.types import Objective


def digest(*parts: object) -> str:
    """A stable hash of the parts' text, in hex; different lists of parts give different hashes."""
    text = "".join(f"{len(str(part))}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()


def shuffled(objectives: Iterable[Objective], *seed: object) -> list[Objective]:
    """The objectives in an order that depends on the seed and their ids alone, not on the order given."""
    return sorted(objectives, key=lambda objective: digest(*seed, objective.id))


class Deck:
    """An endless seeded deck of objectives, dealt task after task.

    Over all tasks an objective comes again only when the others had their turn. Inside a task none
    comes twice before all have come once, and never twice in a row (unless it is the only one).
    """

    def __init__(self, objectives: Sequence[Objective], *seed: object) -> None:
        self._objectives = objectives
        self._seed = seed
        self._passes = 0
        self._waiting: deque[Objective] = deque()
        self._used: set[str] = set()
        self._last: str | None = None

    def begin(self) -> None:
        """Start another task."""
        self._used.clear()
        self._last = None

    def deal(self) -> Objective:
        """The next objective of this task."""
        if len(self._used) == len(self._objectives):
            self._used.clear()
        barred = self._last if len(self._objectives) > 1 else None
        while True:
            for place, objective in enumerate(self._waiting):
                if objective.id not in self._used and objective.id != barred:
                    del self._waiting[place]
                    self._used.add(objective.id)
                    self._last = objective.id
                    return objective
            self._waiting.extend(shuffled(self._objectives, *self._seed, self._passes))
            self._passes += 1
