"""Quantiles of Student's t, so that no package of statistics has to be installed for one number."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

_TERMS = 300  # of the continued fraction; it converges in far fewer
_TINY = 1e-300


@cache
def student_quantile(probability: float, freedom: int) -> float:
    """The ``probability`` quantile, above one half, of Student's t with ``freedom`` degrees of freedom.

    P(|t| > x) is the regularised incomplete beta function of v / (v + x^2) with parameters v / 2 and 1 / 2; it falls
    with x, so that bisection finds where it is 2 (1 - probability).
    """
    tails = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while _tails(high, freedom) > tails:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _tails(middle, freedom) > tails else (low, middle)
    return (low + high) / 2


def student_p(differences: Sequence[float]) -> float | None:
    """How often a mean as far from 0 is found where the true one is 0, by Student's test; ``None`` for one value."""
    n = len(differences)
    if n < 2:
        return None
    mean = math.fsum(differences) / n
    spread = math.sqrt(math.fsum((one - mean) ** 2 for one in differences) / (n - 1) / n)
    largest = max(abs(one) for one in differences)
    if spread <= 1e-12 * largest:  # the same for every task, but for rounding
        return 1.0 if abs(mean) <= 1e-12 * largest or largest == 0 else 0.0
    return _tails(abs(mean) / spread, n - 1)


def _tails(x: float, freedom: int) -> float:
    return incomplete_beta(freedom / (freedom + x * x), freedom / 2, 0.5)


def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (DLMF 8.17.22, Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    value, c, d = 1.0, 1.0, 0.0
    for term in range(_TERMS):
        m = term // 2
        if term == 0:
            step = 1.0
        elif term % 2 == 0:
            step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / _away(1 + step * d)
        c = _away(1 + step / c)
        value *= c * d
        if abs(1 - c * d) < 1e-14:
            break
    return front * (value - 1)


def _away(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
