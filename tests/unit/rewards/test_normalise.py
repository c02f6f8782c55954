"""Normalisation, against what the two published scripts give."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.rewards.normalise import normalise_released, normalise_standard


@pytest.mark.parametrize(
    ("text", "standard", "released"),
    [
        ("The Cat's  hat.", "cats hat", "the cat s hat"),
        ("U.S.A.", "usa", "u s a"),
        ("A an the", "", "a an the"),
        ("...;!", "", ""),
        ("", "", ""),
        ("  Tab\tand\nline ", "tab and line", "tab and line"),
        ("theatre banana", "theatre banana", "theatre banana"),  # articles are whole words only
        ("São Tomé & Príncipe", "são tomé príncipe", "são tomé príncipe"),
        ("“Quoted”", "“quoted”", "“quoted”"),  # only ASCII punctuation goes
        ("ÎLE-DE-FRANCE", "îledefrance", "île de france"),
        ("the–end", "–end", "the–end"),  # an en dash is a word border for articles
        ("10,000 km²", "10000 km²", "10 000 km²"),
    ],
)
def test_worked_examples(text: str, standard: str, released: str) -> None:
    assert normalise_standard(text) == standard
    assert normalise_released(text) == released


@given(st.text())
def test_the_released_form_is_final(text: str) -> None:
    once = normalise_released(text)
    assert normalise_released(once) == once
