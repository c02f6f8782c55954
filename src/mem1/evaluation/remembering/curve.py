"""Many facts together: how many are still there some turns after they were found, and what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from mem1.evaluation.remembering.survival import FactHistory, Fate, Standing
from mem1.types import Record


class SurvivalPoint(Record):
    """``age`` turns after the look-up that found them, ``held`` of ``n`` facts that were not due earlier still stood in
    context (a share). ``age`` 1 is the turn that saw the look-up's result."""

    age: int
    n: int
    held: float


def survival_curve(histories: Iterable[FactHistory]) -> tuple[SurvivalPoint, ...]:
    """The share of found facts in context by age, each followed until it is due.

    It can rise again: what was lost can be looked up once more, and facts that are due leave it.
    """
    there: Counter[int] = Counter()
    followed: Counter[int] = Counter()
    for one in histories:
        if one.found is None:
            continue
        for age, standing in enumerate(one.turns[one.found + 1 : one.due + 1], start=1):
            followed[age] += 1
            there[age] += standing is not Standing.LOST
    return tuple(SurvivalPoint(age=age, n=n, held=there[age] / n) for age, n in sorted(followed.items()))


def fates(histories: Iterable[FactHistory]) -> dict[Fate, int]:
    """How many facts met each fate, in the order of ``Fate``; fates that none met are left out."""
    counts = Counter(one.fate for one in histories)
    return {fate: counts[fate] for fate in Fate if counts[fate]}


def shares(histories: Sequence[FactHistory]) -> tuple[float | None, float | None]:
    """Facts found / all facts, and of those found the share that could be read when due; ``None`` of nothing."""
    found = [one for one in histories if one.found is not None]
    share = len(found) / len(histories) if histories else None
    return share, (sum(one.there for one in found) / len(found) if found else None)
