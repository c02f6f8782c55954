"""`benchmarks/credit.py` compares seed by seed, and goes on where it was left."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks import credit
from benchmarks.toys.curves import Kept


def test_credits_are_compared_by_seed_and_finished_seeds_are_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # per episode 70 % is met after 50 (seed 0) and 60 steps, per objective after 40 and 52: differences -10 and -8,
    # deviation sqrt 2, so that the interval reaches 12.706 to both sides
    at = {("episode", 0): 50, ("episode", 1): 60, ("objective", 0): 40, ("objective", 1): 52}
    made: list[tuple[str, int]] = []

    def scripted(toy: credit.Toy, seed: int, settings: Mapping[str, Any]) -> list[float]:
        made.append((settings["credit"], seed))
        met = at[settings["credit"], seed]
        return [0.0] * (met - 4) + [1.0] * 40  # the mean of five is .8 at the fourth good step

    monkeypatch.setattr(credit, "rewards", scripted)
    ways = {f"credit per {one}": {"credit": one} for one in credit.CREDITS}
    kept = tmp_path / "credit.json"
    credit.compared(credit.QUESTIONS, ways, 1, (0.7,), Kept(kept))
    assert made == [("episode", 0), ("objective", 0)]
    found = credit.compared(credit.QUESTIONS, ways, 2, (0.7,), Kept(kept))
    assert made[2:] == [("episode", 1), ("objective", 1)]
    name = "8 questions one by one, credit per"
    assert found[f"{name} objective: steps to 70%"] == "40, 52"
    less = found["8 questions one by one, credit per objective less credit per episode: steps to 70%"]
    assert less == "-9.0 (-21.7 to 3.7, 2 seeds)"
    assert found[f"{name} episode: score of the last 20 steps, mean"] == "1.000 (1.000 to 1.000, 2 seeds)"
