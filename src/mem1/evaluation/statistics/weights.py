"""Random weights of tasks: the Bayesian bootstrap with room for one task that was not seen."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_KEPT = 1_000_000  # weights of one set that are worth keeping between calls: 8 MB


def weighted(columns: Array, *, seed: int, resamples: int) -> Array:
    """``resamples`` weighted means of each column of ``columns`` [n, k], as [resamples, k].

    Weights are uniform over all that add up to 1 (a flat Dirichlet distribution). Rubin (1981) draws them over the n
    tasks; here the caller puts one more row last, for what n tasks may not have shown.
    """
    n = len(columns)
    if n * resamples <= _KEPT:
        return _kept(n, seed, resamples) @ columns
    random = np.random.default_rng(seed)
    means = np.empty((resamples, columns.shape[1]))
    step = max(1, _KEPT // n)
    for start in range(0, resamples, step):
        stop = min(start + step, resamples)
        means[start:stop] = _flat(random, stop - start, n) @ columns
    return means


@lru_cache(maxsize=8)
def _kept(n: int, seed: int, resamples: int) -> Array:
    return _flat(np.random.default_rng(seed), resamples, n)


def _flat(random: np.random.Generator, count: int, n: int) -> Array:
    drawn = random.standard_exponential((count, n))
    drawn /= drawn.sum(axis=1, keepdims=True)
    return drawn
