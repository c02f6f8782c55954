"""Words as Lucene's English analysis finds them."""

from __future__ import annotations

import pytest

from mem1.retrieval.bm25.lucene_tokens import lucene_tokens, porter


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Wall-mounted and/or free-standing", ["wall", "mount", "free", "stand"]),  # hyphen and slash split
        ("U.S.A. men's it's o'clock", ["u.s.a", "men", "o'clock"]),  # a dot or apostrophe joins letters; 's goes
        ("1,000 and 2.5 4.", ["1,000", "2.5", "4"]),  # a dot or comma joins digits
        ("a.1 1.a", ["1", "1"]),  # not a letter and a digit; what is left of "a" is a stop word
        ("foo_bar _", ["foo_bar"]),  # "_" is a letter, though no word
        ("season:summer size:8", ["season:summ", "size", "8"]),  # a colon joins letters only
        ("6'2\" 1⁄2", ["6'2", "1⁄2"]),
        ("🌈🌈 ♥ ★", ["🌈", "🌈", "♥", "★"]),  # pictographs are words
        ("☆ ▲ → ☭ ☯ ❥", ["☭", "☯", "❥"]),  # other signs are not: Extended_Pictographic decides
        ("½ cup, 1½ x² m² ❶Packaging ④", ["cup", "1", "x", "m", "packag"]),  # numbers that are no digits are not either
        ("(ﾟ▽ﾟ) ﾒﾟ ｶﾞｽ", ["ﾒﾟ", "ｶﾞｽ"]),  # a sound mark belongs to the letter before it, and alone is nothing
        ("日本 カメラ", ["日", "本", "カメラ"]),
        ("Crème brûlée", ["crème", "brûlée"]),
        ("", []),
    ],
)
def test_words(text: str, terms: list[str]) -> None:
    assert lucene_tokens(text) == terms


def test_stop_words_leave_nothing() -> None:
    assert lucene_tokens("The quick one is not with them") == ["quick", "on", "them"]


def test_long_words_are_cut_into_pieces() -> None:
    assert [len(term) for term in lucene_tokens("x" * 600)] == [255, 255, 90]


@pytest.mark.parametrize(
    ("word", "stem"),
    [
        ("assembly", "assembl"),  # Lucene's departure: -bli becomes -ble
        ("assemble", "assembl"),
        ("technologies", "technolog"),  # and -logi becomes -log
        ("doubly", "doubli"),  # "dou" holds no vowel with a consonant after it
        ("fly", "fly"),
        ("relational", "relat"),
        ("running", "run"),
        ("ponies", "poni"),
    ],
)
def test_porter(word: str, stem: str) -> None:
    assert porter(word) == stem
