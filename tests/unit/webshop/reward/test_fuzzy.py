"""Ratios worked out by hand, and against difflib itself."""

from __future__ import annotations

from difflib import SequenceMatcher

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.webshop.reward.fuzzy import alike, token_set_ratio, words


@pytest.mark.parametrize(
    ("left", "right", "ratio"),
    [
        ("long sleeve", "sleeve long", 100),  # the same words
        ("café", "caf", 100),  # the code points 128 to 255 are dropped
        ("Large", "x-large", 100),  # all words of one stand in the other
        ("('size', 'large')", "x-large", 83),  # "large" and "large x": 2 * 5 of 12
        ("black", "('color', 'black_style_99464')", 36),  # an underscore is a letter; 2 * 5 of 28
        ("tea", "eat", 67),  # "ea": 2 * 2 of 6
        ("", "", 0),
        ("a", "", 0),
        ("é", "é", 0),
    ],
)
def test_ratios(left: str, right: str, ratio: int) -> None:
    assert token_set_ratio(left, right) == token_set_ratio(right, left) == ratio


def test_a_ratio_is_rounded_before_it_is_compared() -> None:
    # "70 for inch stand tv" and "70 for inch stand tv walnut": 2 * 20 of 47 is 85.1, which would be above 85.
    left, right = "walnut tv stand for 70 inch tv", "('color', 'black tv stand for 70 inch tv')"
    assert token_set_ratio(left, right) == 85
    assert not alike(left, right)


def test_words() -> None:
    assert words("Black_Style 9.5/Wide") == {"black_style", "9", "5", "wide"}


TEXTS = st.text(alphabet="ab_c é-8", max_size=12)


@settings(max_examples=150, deadline=None)
@given(TEXTS, TEXTS)
def test_nothing_is_lost_by_looking_at_the_bound_first(left: str, right: str) -> None:
    assert (token_set_ratio(left, right, above=85) > 85) == (token_set_ratio(left, right) > 85)
    if not words(left) & words(right):
        mine, others = " ".join(sorted(words(left))), " ".join(sorted(words(right)))
        plain = round(100 * SequenceMatcher(None, mine, others).ratio()) if mine and others else 0
        assert token_set_ratio(left, right) == plain
