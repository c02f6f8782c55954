"""Token overlap between an answer and the accepted ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from mem1.rewards.normalise import normalise_released, normalise_standard

_CLOSED = frozenset({"yes", "no", "noanswer"})


def f1_multiset(prediction: str, golds: Sequence[str], normalise: Callable[[str], str] = normalise_standard) -> float:
    """Largest F1 over ``golds``, of tokens counted with repeats; 0 where neither has a token.

    A yes, no or noanswer on either side that the other side does not equal scores 0, so that "no"
    earns nothing from "no idea" (HotpotQA's script, FlashRAG).
    """
    return max((_multiset(normalise(prediction), normalise(gold)) for gold in golds), default=0.0)


def f1_set(prediction: str, golds: Sequence[str]) -> float:
    """Largest F1 over ``golds``, of distinct tokens (MEM1's released evaluation)."""
    given = set(normalise_released(prediction).split())
    return max((_f1(len(given & gold), len(given), len(gold)) for gold in _token_sets(golds)), default=0.0)


def _token_sets(golds: Sequence[str]) -> list[set[str]]:
    return [set(normalise_released(gold).split()) for gold in golds]


def _multiset(given: str, gold: str) -> float:
    if given != gold and (given in _CLOSED or gold in _CLOSED):
        return 0.0
    left, right = given.split(), gold.split()
    return _f1(sum((Counter(left) & Counter(right)).values()), len(left), len(right))


def _f1(common: int, given: int, gold: int) -> float:
    """2pr / (p + r) with p = common/given and r = common/gold, which is 2 common / (given + gold)."""
    return 2 * common / (given + gold) if common else 0.0
