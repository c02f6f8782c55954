"""Exact match and F1, worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mem1.rewards.exact_match import exact_match
from mem1.rewards.f1 import f1_multiset, f1_set
from mem1.rewards.normalise import normalise_standard

TEXTS = st.text(alphabet="ab theyno.", max_size=12)


@pytest.mark.parametrize(
    ("prediction", "golds", "expected"),
    [
        ("the Lima", ["Lima"], 1.0),
        ("Lima, Peru", ["Lima"], 0.0),
        ("B", ["A", "b."], 1.0),
        ("", ["Lima"], 0.0),
        ("...", ["!"], 1.0),  # both are empty once normalised, and equal: as in the script
    ],
)
def test_exact_match(prediction: str, golds: list[str], expected: float) -> None:
    assert exact_match(prediction, golds, normalise_standard) == expected


@pytest.mark.parametrize(
    ("prediction", "gold", "multiset", "distinct"),
    [
        ("Lima", "Lima", 1.0, 1.0),
        ("Lima Peru", "Lima", 2 / 3, 2 / 3),  # precision 1/2, recall 1
        ("new york city hall", "york city", 2 / 3, 2 / 3),  # precision 1/2, recall 1
        ("bora bora", "bora", 2 / 3, 1.0),  # a repeat counts in a multiset, not in a set
        ("bora bora", "bora bora island", 4 / 5, 2 / 3),  # precision 1, recall 2/3; as sets 1 and 1/2
        ("the sea", "a sea", 1.0, 1 / 2),  # articles are dropped, or kept
        ("Quito", "Lima", 0.0, 0.0),
        ("", "Lima", 0.0, 0.0),
        ("...", "!", 0.0, 0.0),
        ("no idea", "no", 0.0, 2 / 3),  # yes, no and noanswer must match as a whole
        ("no", "no idea", 0.0, 2 / 3),
        ("yes", "Yes.", 1.0, 1.0),
        ("noanswer", "no answer", 0.0, 0.0),
    ],
)
def test_f1(prediction: str, gold: str, multiset: float, distinct: float) -> None:
    assert f1_multiset(prediction, [gold]) == pytest.approx(multiset)
    assert f1_set(prediction, [gold]) == pytest.approx(distinct)


def test_f1_is_the_best_over_golds() -> None:
    assert f1_multiset("Lima Peru", ["Quito", "Lima Peru South", "Lima"]) == pytest.approx(4 / 5)
    assert f1_set("Lima Peru", ["Quito", "Lima Peru South", "Lima"]) == pytest.approx(4 / 5)


@given(TEXTS, st.lists(TEXTS, min_size=1, max_size=3))
def test_bounds_symmetry_and_agreement(prediction: str, golds: list[str]) -> None:
    for f1 in (f1_multiset, f1_set):
        assert 0.0 <= f1(prediction, golds) <= 1.0
        assert f1(prediction, golds[:1]) == f1(golds[0], [prediction])
    if exact_match(prediction, golds, normalise_standard) and normalise_standard(prediction):
        assert f1_multiset(prediction, golds) == 1.0
