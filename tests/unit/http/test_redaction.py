"""A key is found however it is spelled, and nothing else is taken for it."""

from __future__ import annotations

import base64
import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mem1.http.redaction import HIDDEN, Redaction

KEY = "sk-proj/A+b=Zz_0123456789-abcdefXYZ"
REDACT = Redaction(KEY)


def base64_of(before: bytes, behind: bytes = b"") -> str:
    return base64.b64encode(before + KEY.encode() + behind).decode()


SPELLINGS: dict[str, str] = {
    "plain": KEY,
    "JSON, slashes escaped": KEY.replace("/", "\\/"),
    "JSON in JSON": KEY.replace("/", "\\\\\\/"),
    "JSON in JSON, by number": KEY.replace("-", "\\\\u002d"),
    "JSON, all by number": "".join(f"\\u{ord(one):04x}" for one in KEY),
    "JSON, one by number in capitals": KEY.replace("-", "\\u002D"),
    "Python, by number": "".join(f"\\x{ord(one):02x}" for one in KEY),
    "address": quote(KEY, safe=""),
    "address, all of it": "".join(f"%{ord(one):02x}" for one in KEY),
    "address, twice": quote(quote(KEY, safe=""), safe=""),
    "HTML by number": "".join(f"&#{ord(one)};" for one in KEY),
    "HTML by hexadecimal number": "".join(f"&#x{ord(one):X};" for one in KEY),
    "split by a blank": f"{KEY[:9]} {KEY[9:]}",
    "split by lines": f"{KEY[:9]}\n      {KEY[9:20]}\r\n\t{KEY[20:]}",
    "split by an escaped line end": f"{KEY[:9]}\\n{KEY[9:]}",
    "split by a sign without width": f"{KEY[:20]}\u200b{KEY[20:]}",
    "split by its escape": f"{KEY[:20]}\\u200b{KEY[20:]}",
    "spaced out": " ".join(KEY),
    "split by a soft hyphen": f"{KEY[:5]}\u00ad{KEY[5:]}",
    "hexadecimal": KEY.encode().hex(),
    "hexadecimal in capitals": KEY.encode().hex().upper(),
    "base64": base64_of(b""),
    "base64 behind one byte": base64_of(b":"),
    "base64 of user and key": base64_of(b"me:"),
    "base64 with more behind": base64_of(b"Bearer ", b" and so on"),
    "base64 for addresses": base64.urlsafe_b64encode(b"x" + KEY.encode()).decode(),
    "base64 in lines": "\n".join(base64_of(b"ab")[i : i + 12] for i in range(0, 60, 12)),
}


@pytest.mark.parametrize("name", sorted(SPELLINGS))
def test_every_spelling_is_hidden(name: str) -> None:
    assert REDACT(f"you sent <{SPELLINGS[name]}> twice: <{SPELLINGS[name]}>.") == (
        f"you sent <{HIDDEN}> twice: <{HIDDEN}>."
    )


@pytest.mark.parametrize(
    "key", ["a\"b\\c'd&e<f>g", "$^.*+?{}[]()|", "%41%42%43%44", "\\n\\r\\t\\u0041", "&amp;&lt;&#39;"]
)
@pytest.mark.parametrize(
    "spell", [str, lambda key: json.dumps(key)[1:-1], html.escape, lambda key: quote(key, safe="")]
)
def test_keys_of_odd_signs(key: str, spell: Callable[[str], str]) -> None:
    assert Redaction(key)(f"<{spell(key)}>") == f"<{HIDDEN}>"


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=60),
    st.binary(max_size=7),
    st.binary(max_size=7),
)
def test_any_key_in_any_base64(key: str, before: bytes, behind: bytes) -> None:
    text = base64.b64encode(before + key.encode() + behind).decode()
    assert text not in Redaction(key)(f"see {text} there")


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_a_text_without_the_key_is_left_as_it_is(text: str) -> None:
    assert REDACT(text) == text


def test_what_stands_around_stays() -> None:
    wrong = KEY[:-1] + "!"
    assert REDACT(f"{wrong} {KEY[1:]}") == f"{wrong} {KEY[1:]}", "parts of it may be words of a text"


@pytest.mark.parametrize(
    "part", [KEY[:17], KEY[5:30], KEY[-20:], KEY[:17] + "...", f"{KEY[:18]}****{KEY[-17:]}"], ids=lambda part: part[:4]
)
def test_a_complaint_shows_no_larger_part_of_it(part: str) -> None:
    told = REDACT.of_error(f"no such key: {part}")
    assert HIDDEN in told
    assert not any(KEY[i : i + 16] in told for i in range(len(KEY)))


def test_a_complaint_shows_no_authorization_header() -> None:
    assert REDACT.of_error("Authorization: Bearer abcdefgh12345678") == f"Authorization: Bearer {HIDDEN}"


def test_what_guards_nothing_is_not_looked_for() -> None:
    assert Redaction("EMPTY")("an EMPTY page") == "an EMPTY page"
    assert Redaction("")("a page") == "a page"
    assert Redaction("").of_error("a page") == "a page"


@pytest.mark.parametrize(
    "unit",
    [
        "s k - ",
        "word ",
        "\\",
        "s\\n",
        "s" + "\\\\n" * 50,
        "\\\\\\u0073" * 9,
        "sk-proj/A+b=Zz_0123456789-abcdefXY ",
        "A" * 63 + "\n",
    ],
)
def test_long_texts_take_time_in_proportion(unit: str) -> None:
    """A megabyte of what begins like the key takes no minutes."""
    text = unit * (2**20 // len(unit))
    began = time.process_time()
    assert REDACT(text) == text
    assert time.process_time() - began < 20
