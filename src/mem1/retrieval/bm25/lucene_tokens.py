"""Words as Lucene's English analysis finds them, without Java.

The chain is that of Anserini's default index: Unicode word segmentation (UAX 29, as Lucene's standard tokenizer
applies it), the possessive 's dropped, lower case, 33 stop words, Porter's original stemmer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from mem1.errors import ConfigError
from mem1.installed import install_hint

_STOP_WORDS = """
a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to
was will with
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
LONGEST = 255  # longer words are cut into pieces of this length

# Scripts whose signs are words by themselves; runs of Katakana stay together.
_ALONE = "\u3041-\u309f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
# A pictograph is a word too: Extended_Pictographic as Unicode 12 has it, which Lucene's tokenizer is built from. It
# holds more than Emoji (a star is one), and more than later versions of Unicode do.
_PICTOGRAPH = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf\u23e9-\u23f3\u23f8-\u23fa"
    "\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714\u2716"
    "\u271d\u2721\u2728\u2733\u2734\u2744\u2747\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1\u27b0\u27bf"
    "\u2934\u2935\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    "\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f\U0001f232-\U0001f23a"
    "\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d\U0001f546-\U0001f64f\U0001f680-\U0001f6ff"
    "\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f"
    "\U0001f888-\U0001f88f\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001faff"
    "\U0001fc00-\U0001fffd"
)
_LETTER = rf"[^\W\d_{_ALONE}]"
_EXTEND = "[\u0300-\u036f\u200c\u200d\ufe00-\ufe0f\uff9e\uff9f\U0001f3fb-\U0001f3ff]"  # belong to the sign before
_WORD = re.compile(
    rf"[{_ALONE}]{_EXTEND}*"
    rf"|[^\W{_ALONE}](?:[^\W{_ALONE}]|{_EXTEND}"
    rf"|(?<={_LETTER})[.'\u2019:\u00b7\u2027\u2018\u2024\ufe52\uff07\uff0e\uff1a](?={_LETTER})"
    rf"|(?<=\d)[.,;'\u2019\u2018\u2044\uff0c\uff1b](?=\d))*"
    rf"|[{_PICTOGRAPH}]{_EXTEND}*(?:(?<=\u200d)[{_PICTOGRAPH}]{_EXTEND}*)*|[\U0001f1e6-\U0001f1ff]{{2}}"
)
# What Python takes for letters and Unicode's word segmentation does not: numbers that are no digits, as a half, a
# raised two or a ringed one (category No), and sound marks of narrow Katakana that follow no letter. A pass of its own:
# in the pattern above so long a class makes it three times slower.
_NO_WORD = re.compile(
    "["
    "\u00b2\u00b3\u00b9\u00bc-\u00be\u09f4-\u09f9\u0b72-\u0b77\u0bf0-\u0bf2\u0c78-\u0c7e\u0d58-\u0d5e\u0d70-\u0d78"
    "\u0f2a-\u0f33\u1369-\u137c\u17f0-\u17f9\u19da\u2070\u2074-\u2079\u2080-\u2089\u2150-\u215f\u2189\u2460-\u249b"
    "\u24ea-\u24ff\u2776-\u2793\u2cfd\u3192-\u3195\u3220-\u3229\u3248-\u324f\u3251-\u325f\u3280-\u3289\u32b1-\u32bf"
    "\ua830-\ua835\U00010107-\U00010133\U00010175-\U00010178\U0001018a-\U0001018b\U000102e1-\U000102fb"
    "\U00010320-\U00010323\U00010858-\U0001085f\U00010879-\U0001087f\U000108a7-\U000108af\U000108fb-\U000108ff"
    "\U00010916-\U0001091b\U000109bc-\U000109bd\U000109c0-\U000109cf\U000109d2-\U000109ff\U00010a40-\U00010a48"
    "\U00010a7d-\U00010a7e\U00010a9d-\U00010a9f\U00010aeb-\U00010aef\U00010b58-\U00010b5f\U00010b78-\U00010b7f"
    "\U00010ba9-\U00010baf\U00010cfa-\U00010cff\U00010e60-\U00010e7e\U00010f1d-\U00010f26\U00010f51-\U00010f54"
    "\U00010fc5-\U00010fcb\U00011052-\U00011065\U000111e1-\U000111f4\U0001173a-\U0001173b\U000118ea-\U000118f2"
    "\U00011c5a-\U00011c6c\U00011fc0-\U00011fd4\U00016b5b-\U00016b61\U00016e80-\U00016e96\U0001d2e0-\U0001d2f3"
    "\U0001d360-\U0001d378\U0001e8c7-\U0001e8cf\U0001ec71-\U0001ecab\U0001ecad-\U0001ecaf\U0001ecb1-\U0001ecb4"
    "\U0001ed01-\U0001ed2d\U0001ed2f-\U0001ed3d\U0001f100-\U0001f10c"
    "]|(?<![\\w\uff9e\uff9f])[\uff9e\uff9f]+"
)
_MEASURED = re.compile("[aeiouy][^aeiouy]")
_POSSESSIVE = re.compile("['’＇][sS]$")


def lucene_tokens(text: str) -> list[str]:
    """The index terms of ``text``, in order; stop words leave nothing behind.

    Raises ``ConfigError`` where no Porter stemmer is installed.
    """
    terms = []
    for word in _WORD.findall(text if text.isascii() else _NO_WORD.sub(" ", text)):
        term = _term(word) if len(word) <= LONGEST else None
        if term is not None:
            terms.append(term)
        elif len(word) > LONGEST:
            pieces = (_term(word[i : i + LONGEST]) for i in range(0, len(word), LONGEST))
            terms += [piece for piece in pieces if piece is not None]
    return terms


@lru_cache(maxsize=1 << 18)
def _term(word: str) -> str | None:
    """A word's index term; ``None`` for a stop word, and for "_" alone, which is no word."""
    term = _POSSESSIVE.sub("", word).lower()
    if term in STOP_WORDS or not term.strip("_"):
        return None
    return porter(term) if len(term) > 2 else term


def porter(word: str) -> str:
    """The stem of a lower-case word, with the two departures of Porter's own later code, which Lucene has.

    They replace -bli by -ble (assembly and assemble meet in "assembl") and -logi by -log, where the part in front
    holds a vowel and then a consonant.
    """
    stem = _stemmer()
    found = stem(word)
    if found.endswith("bli") and _MEASURED.search(found, 0, len(found) - 3):
        return stem(found[:-1] + "e")
    if found.endswith("logi") and _MEASURED.search(found, 0, len(found) - 4):
        return found[:-1]
    return found


@lru_cache(maxsize=1)
def _stemmer() -> Callable[[str], str]:
    """Porter's stemmer as published in 1980 (the one named "english" is a later algorithm)."""
    try:
        import Stemmer
    except ModuleNotFoundError as error:
        raise ConfigError(
            "the shop's search needs the package pystemmer",
            where="retrieval/bm25/lucene_tokens.py",
            hint=install_hint("shop"),
        ) from error
    stem: Callable[[str], str] = Stemmer.Stemmer("porter").stemWord
    return stem
