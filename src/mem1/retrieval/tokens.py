"""Words of a text, for lexical search."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

Tokens = Literal["words"]
"""Ways to split a text."""

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Lower-cased runs of letters and digits of any script, in order; no stemming, no stop words.

    Text is brought to Unicode's NFKC form first, so that composed and decomposed accents agree.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return _WORD.findall(plain.lower())


def tokenizer(name: str) -> Callable[[str], list[str]]:
    """The way to split a text that bears this name."""
    return {"words": words}[name]
