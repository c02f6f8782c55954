"""An estimator's numbers, tried before they are used."""

from __future__ import annotations

import math

from mem1.errors import ConfigError
from mem1.train.advantages.config import Algorithm, Groups


def estimated(algorithm: Algorithm, rewards: Groups) -> list[list[float]]:
    """One advantage for each reward of each group.

    Raises:
        ConfigError: The estimator, which may be somebody else's, does not give a finite number for every one.
    """
    found = algorithm.build()(rewards)
    whole = [len(group) for group in found] == [len(group) for group in rewards]
    if not whole or not all(math.isfinite(value) for group in found for value in group):
        raise ConfigError(
            f"the estimator {algorithm.type!r} does not give one finite advantage for each episode of each group",
            where="train.algorithm",
            hint="its build returns a function from [[reward, ...], ...] to as many numbers in the same places",
        )
    return found
