"""Colours of strategies: of any that are registered, not of a list."""

from __future__ import annotations

import itertools

from mem1.report.figures.plots import SLOTS, slot_of


def test_up_to_eight_strategies_have_colours_of_their_own() -> None:
    for count in range(1, SLOTS + 1):
        names = [f"memory{i}" for i in range(count)]
        assert len({slot_of(name, names) for name in names}) == count


def test_the_memories_of_the_program_are_told_apart_in_any_company() -> None:
    names = ("full", "window", "state", "state_recall", "summary", "notes", "turns", "diary")
    for some in itertools.combinations(names, 3):
        assert len({slot_of(name, some) for name in some}) == 3


def test_a_ninth_strategy_gets_a_colour_too() -> None:
    names = [f"memory{i}" for i in range(12)]
    assert {slot_of(name, names) for name in names} == set(range(SLOTS))


def test_a_strategy_that_is_not_in_the_list_is_drawn() -> None:
    assert 0 <= slot_of("other", ["full", "state"]) < SLOTS
