from __future__ import annotations

import sqlite3

from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.tools.fulltext import TABLES, add_text, read_text, search, snippet


def _index(*texts: str) -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.executescript(TABLES)
    for owner, text in enumerate(texts):
        add_text(db, owner, text)
    return db


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="ab \n\N{PILE OF POO}é", max_size=40), st.integers(0, 5000), st.integers(0, 3000))
def test_any_stretch_of_a_text_is_read_back(unit: str, start: int, length: int) -> None:
    text = unit * 100
    db = _index("something before", text, "and behind")
    assert read_text(db, 1) == text
    assert read_text(db, 1, start, length) == text[start : start + length]


def test_a_place_is_found_by_words_of_any_script() -> None:
    db = _index("Der Bär schläft", "日本 語 text", "x " * 5000 + "needle " + "y " * 5000)
    assert [piece.owner for piece in search(db, "BÄR", "SELECT 0 UNION SELECT 1", (), 5)] == [0]
    assert [piece.owner for piece in search(db, "日本", "SELECT 1", (), 5)] == [1]
    (piece,) = search(db, "needle", "SELECT ?", (2,), 5)
    assert "needle" in piece.text
    assert abs(piece.start - 10_000) <= 1000
    assert search(db, "needle", "SELECT 1", (), 5) == []


def test_the_text_with_more_of_the_words_comes_first() -> None:
    db = _index("alpha beta gamma", "alpha", "beta gamma", "other words", "more of others")
    assert [piece.owner for piece in search(db, "alpha beta gamma", "SELECT owner FROM pieces", (), 2)] == [0, 2]


def test_a_snippet_begins_a_little_before_the_word() -> None:
    start, text = snippet("x" * 1000 + " needle " + "y" * 1000, "Needle", 100)
    assert start == 1001 - 25
    assert len(text) == 100
    assert text[25:31] == "needle"
