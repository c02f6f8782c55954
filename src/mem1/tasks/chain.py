"""Chains: each question needs the answer to the one before it."""

from __future__ import annotations

import random
from typing import Protocol, runtime_checkable

from mem1.errors import DataError
from mem1.tasks.base import Split
from mem1.types import Objective

TRIES = 12  # links asked for at one place before it counts as a dead end


@runtime_checkable
class ChainSource(Protocol):
    """A source whose objectives can be linked. Both methods draw from ``rng`` only, and stay in the split."""

    @property
    def name(self) -> str:
        """Recorded in every objective."""

    def start(self, rng: random.Random, split: Split) -> Objective:
        """The first objective of a chain, which stands alone."""

    def link(self, previous: Objective, rng: random.Random) -> Objective | None:
        """An objective that needs the answer to ``previous``; ``None`` where there is none.

        Its ``question`` speaks of "the previous answer"; ``standalone`` has the answer filled in. Objectives that
        ask for the same thing, reached in different ways, have ids that differ only after a ``<``.
        """


def walk(source: ChainSource, *, objectives: int, split: Split, seed: str) -> tuple[Objective, ...]:
    """A chain of ``objectives`` links, reproducible from ``seed``.

    First with nothing asked twice; where ``2 * objectives + 50`` attempts do not get there, the longest
    chain found is continued with objectives that came before, though never the same twice in a row.
    Raises ``DataError`` when the source cannot make it that long.
    """
    rng = random.Random(seed)
    chain = _extend(source, (), objectives, split, rng, repeats=False)
    if len(chain) < objectives:
        chain = _extend(source, chain, objectives, split, rng, repeats=True)
    if len(chain) < objectives:
        raise DataError(
            f"the source {source.name!r} linked {len(chain)} objectives of split {split!r}, not {objectives}",
            where=f"chained tasks of {objectives} objectives",
            hint="ask for fewer objectives a task, or use a source with more links",
        )
    return chain


def _extend(
    source: ChainSource, begun: tuple[Objective, ...], size: int, split: Split, rng: random.Random, *, repeats: bool
) -> tuple[Objective, ...]:
    """The longest chain that random steps found, at most ``size`` long. At a dead end it steps back."""
    chain = longest = begun or (source.start(rng, split),)
    dead: set[str] = set()
    back = 1
    for _ in range(2 * size + 50):
        if len(longest) >= size:
            break
        following = _next(source, chain, rng, dead, repeats=repeats)
        if following is not None:
            chain = (*chain, following)
            if len(chain) >= len(longest):
                longest, back = chain, 1
        else:
            # Twice as far each time: the way into a dead end may lie several links before it.
            dead.add(chain[-1].id)
            chain = chain[:-back] or (source.start(rng, split),)
            back *= 2
    return longest


def _next(
    source: ChainSource, chain: tuple[Objective, ...], rng: random.Random, dead: set[str], *, repeats: bool
) -> Objective | None:
    """A link to an objective that the chain does not hold, or with ``repeats`` to any but the last one."""
    used = {_asked(objective) for objective in chain}
    spare = None
    for _ in range(TRIES):
        found = source.link(chain[-1], rng)
        if found is None or found.id in dead:
            continue
        if _asked(found) not in used:
            return found
        if repeats and found.id != chain[-1].id:
            spare = found
    return spare


def _asked(objective: Objective) -> str:
    return objective.id.partition("<")[0]
