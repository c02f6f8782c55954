"""Three ways to bring an answer into the form in which answers are compared."""

from __future__ import annotations

import re
import string
import unicodedata
from functools import lru_cache

_DROP = str.maketrans("", "", string.punctuation)
_BLANK = str.maketrans(string.punctuation, " " * len(string.punctuation))
_ARTICLES = re.compile(r"\b(a|an|the)\b")


@lru_cache(maxsize=65536)
def normalise_standard(text: str) -> str:
    """Lower-case, drop ASCII punctuation, drop a/an/the, squeeze blanks (SQuAD 1.1's evaluation script)."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_DROP)).split())


@lru_cache(maxsize=65536)
def normalise_released(text: str) -> str:
    """Lower-case, ASCII punctuation to blanks, squeeze blanks, keep articles (MEM1's released evaluation)."""
    return " ".join(text.lower().translate(_BLANK).split())


@lru_cache(maxsize=65536)
def normalise_folding(text: str) -> str:
    """As ``normalise_standard``, for any script: one form of what looks alike (NFKC), case folded, punctuation of all
    scripts dropped. Accents stay: they tell words apart."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    kept = "".join(c for c in folded if not (unicodedata.category(c).startswith("P") or c in string.punctuation))
    return " ".join(_ARTICLES.sub(" ", kept).split())
