"""Breaking what could be a tag."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mem1.text import LESS_THAN, without_tags


def test_by_hand() -> None:
    assert without_tags("a <b> ＜c﹤") == "a ‹b> ‹c‹"
    assert without_tags("x \ud800\udfff y") == "x \ufffd\ufffd y"


@given(st.text())
def test_same_length_idempotent_and_only_signs_change(text: str) -> None:
    clean = without_tags(text)
    assert without_tags(clean) == clean
    assert len(clean) == len(text)
    assert all(new == old or (old in LESS_THAN and new == "‹") for old, new in zip(text, clean, strict=True))
