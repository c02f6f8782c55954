"""Whether a text says an answer, whatever its punctuation, capitals and forms of letters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable
from difflib import get_close_matches

_WORD = re.compile(r"\w+")
_ARTICLES = frozenset({"a", "an", "the"})
_ALIKE = 0.7  # of difflib's ratio, from which on another text is a spoiled copy
_TELLING = 4  # letters that a word must have for a longer one which begins with it to be its runaway copy


def words(text: str) -> list[str]:
    """The words of ``text`` in the form in which they are compared (NFKC, case folded, no punctuation)."""
    return _WORD.findall(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()))


def marked(text: str) -> str:
    """``text`` as ``<word><word>``: what can be searched for whole words."""
    return _joined(words(text))


def phrases(answers: Iterable[str]) -> tuple[str, ...]:
    """What to search for in marked texts: one phrase for each answer, articles in front left out.

    Letters of scripts without capitals, most of which are written without blanks, need no border beside them. An answer
    without a word ("---") gives no phrase.
    """
    found = (words(answer) for answer in answers)
    return tuple(dict.fromkeys(_phrase(some) for some in found if some))


def said(phrases: Iterable[str], text: str) -> int:
    """How often the most frequent of ``phrases`` stands in the marked ``text``."""
    return max((text.count(phrase) for phrase in phrases), default=0)


def spoiled(answers: Iterable[str], text: str, others: Collection[str]) -> bool:
    """Whether ``text`` holds something like one of ``answers``: nearly the same letters, or the word run on.

    What equals one of ``others``, other accepted answers in the form of ``marked``, is not meant. A guess: "Iraq" is
    like "Iran".
    """
    there = words(text)
    for answer in answers:
        wanted = words(answer)
        windows = {
            " ".join(there[k : k + len(wanted)])
            for k in range(len(there) - len(wanted) + 1)
            if _joined(there[k : k + len(wanted)]) not in others
        }
        one = " ".join(wanted)
        if len(one) >= _TELLING and any(window.startswith(one) for window in windows):
            return True
        if one and get_close_matches(one, windows, n=1, cutoff=_ALIKE):
            return True
    return False


def _joined(some: Iterable[str]) -> str:
    return "".join(f"<{word}>" for word in some)


def _phrase(some: list[str]) -> str:
    kept = some[1:] if len(some) > 1 and some[0] in _ARTICLES else some
    phrase = _joined(kept)
    start = 1 if unicodedata.category(phrase[1]) == "Lo" else 0
    return phrase[start : len(phrase) - (unicodedata.category(phrase[-2]) == "Lo")]
