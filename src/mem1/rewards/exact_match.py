"""Exact match after normalisation."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def exact_match(prediction: str, golds: Sequence[str], normalise: Callable[[str], str]) -> float:
    """1.0 if ``prediction`` equals any of ``golds`` once both are normalised, else 0.0."""
    given = normalise(prediction)
    return float(any(given == normalise(gold) for gold in golds))
