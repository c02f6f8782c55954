"""Room for a turn, and seeds."""

from __future__ import annotations

from mem1.inference.base import Section
from mem1.rollout.limits import derive_seed, fits


def test_a_turn_fits_with_its_whole_budget_or_not_at_all() -> None:
    sections = (Section("a", (), (), 30), Section("b", (), (), 20))
    assert fits(50, sections, 100)
    assert not fits(51, sections, 100)


def test_seeds_are_the_same_everywhere() -> None:
    assert derive_seed(0, "train", 1) == derive_seed(0, "train", 1)
    assert len({derive_seed(seed, turn) for seed in range(50) for turn in range(50)}) == 2500
    assert derive_seed(12, 3) != derive_seed(1, 23)
    assert all(0 <= derive_seed(seed) < 2**63 for seed in range(100))
    # printf "(0, 0)" | b2sum -l 64, without its lowest bit
    assert derive_seed(0, 0) == 1350176041220068806
