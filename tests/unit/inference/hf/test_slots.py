"""Slots: who holds which, what is kept, what is given up first."""

from __future__ import annotations

from mem1.inference.hf.slots import SlotTable, common_prefix


def test_common_prefix() -> None:
    assert common_prefix([1, 2, 3], [1, 2, 4, 5]) == 2
    assert common_prefix([1, 2], [1, 2, 3]) == 2
    assert common_prefix([], [1]) == 0


def test_a_session_gets_its_own_slot_back() -> None:
    table = SlotTable(3)
    assert [table.take("a"), table.take("b")] == [0, 1]
    table.held[0] = [5, 6]
    table.rest("a", 0)
    assert table.take("c") == 2, "a free slot is taken before one at rest"
    assert table.take("a") == 0
    assert table.held[0] == [5, 6]


def test_the_one_longest_at_rest_is_given_up() -> None:
    table = SlotTable(2)
    for session in ("a", "b"):
        slot = table.take(session)
        assert slot is not None
        table.held[slot] = [7]
        table.rest(session, slot)
    assert table.take("a") == 0
    table.rest("a", 0)
    assert table.take("c") == 1, "b rested longer than a"
    assert table.held[1] == []


def test_nothing_to_take() -> None:
    table = SlotTable(1)
    assert table.take("a") == 0
    assert table.take("b") is None
    table.give_back(0)
    assert table.take("b") == 0


def test_release_and_forget() -> None:
    table = SlotTable(2)
    table.release("unknown")
    for session in ("a", "b"):
        slot = table.take(session)
        assert slot is not None
        table.held[slot] = [1]
        table.rest(session, slot)
    table.release("a")
    assert table.held == [[], [1]]
    table.forget()
    assert table.held == [[], []]
    assert [table.take("x"), table.take("y")] == [0, 1]


def test_two_requests_of_one_session_keep_only_the_later() -> None:
    table = SlotTable(2)
    assert [table.take("a"), table.take("a")] == [0, 1]
    table.held = [[1], [2]]
    table.rest("a", 0)
    table.rest("a", 1)
    assert table.held == [[], [2]]
    assert table.take("a") == 1


def test_best_match() -> None:
    table = SlotTable(3)
    table.held = [[1, 2, 3, 9], [1, 2, 3, 4, 5], [1, 2]]
    assert table.best_match([1, 2, 3, 4, 8], 2) == (1, 4)
    assert table.best_match([1, 2, 3, 4, 8], 5) == (None, 0)
    assert table.best_match([2], 1) == (None, 0)
