"""Under what conditions episodes ran: what their seconds and money depend on besides the strategy."""

from __future__ import annotations

import os
import time

from mem1.evaluation.records import Conditions
from mem1.threads import cores
from mem1.types import Episode


class Watch:
    """Notes the conditions of one start as episodes go by."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._episodes = 0
        self._loads: list[float] = []
        self._began = self._ended = time.perf_counter()

    def saw(self, episode: Episode) -> None:
        """Take note that ``episode`` was run under these conditions."""
        self._episodes += 1
        self._ended = time.perf_counter()
        if hasattr(os, "getloadavg"):
            self._loads.append(os.getloadavg()[0])

    def conditions(self) -> tuple[Conditions, ...]:
        """What held so far; nothing before the first episode."""
        if not self._episodes:
            return ()
        load = sum(self._loads) / len(self._loads) if self._loads else None
        return (
            Conditions(
                episodes=self._episodes,
                concurrency=self._concurrency,
                interleaved=True,
                cores=cores(),
                load=None if load is None else round(load, 2),
                seconds=round(self._ended - self._began, 3),
            ),
        )
