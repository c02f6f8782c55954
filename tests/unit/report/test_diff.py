"""The difference of two states."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mem1.report.diff import MAX_WORDS, Piece, changes


def test_changed_words_are_marked_on_their_side() -> None:
    before, after = changes("capital: unknown. next: Chad", "capital: Paris. next: Chad")
    assert before == (Piece("same", "capital: "), Piece("gone", "unknown. "), Piece("same", "next: Chad"))
    assert after == (Piece("same", "capital: "), Piece("new", "Paris. "), Piece("same", "next: Chad"))


def test_the_first_state_is_all_new() -> None:
    assert changes("", "a b") == ((), (Piece("new", "a b"),))


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_is_lost(before: str, after: str) -> None:
    old, new = changes(before, after)
    assert "".join(piece.text for piece in old) == before
    assert "".join(piece.text for piece in new) == after


def test_enormous_states_are_not_compared_word_by_word() -> None:
    before, after = changes("a " * (MAX_WORDS + 1), "a")
    assert [piece.kind for piece in (*before, *after)] == ["gone", "new"]
