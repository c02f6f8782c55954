"""What a question is in any script: whether it ends as one, and when two ask the same."""

from __future__ import annotations

import unicodedata

from mem1.rewards.normalise import normalise_folding
from mem1.types import Objective

_GREEK = "\N{GREEK QUESTION MARK}"


def asks(question: str) -> bool:
    """Whether a text ends in a question mark, of whatever script.

    Greek has ";" for one, which is taken for it behind Greek letters. Armenian's stands inside the last word.
    """
    end = question[-1:]
    if end == "?" or not end:
        return bool(end)
    if end in (";", _GREEK):
        return any(unicodedata.name(c, "").startswith("GREEK") for c in question)
    return _is_mark(end) or any(unicodedata.name(c, "").startswith("ARMENIAN QUESTION") for c in question.split()[-1])


def asked_alike(objective: Objective) -> str:
    """The same for questions that differ in case, punctuation, articles, blanks and Unicode form only."""
    question = objective.standalone or objective.question
    return normalise_folding(question) or question


def _is_mark(character: str) -> bool:
    name = unicodedata.name(character, "")
    return ("QUESTION" in name and "INVERTED" not in name) or name == "INTERROBANG"
