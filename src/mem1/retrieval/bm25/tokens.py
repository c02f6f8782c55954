"""Words of a text, for lexical search."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

Tokens = Literal["words", "lucene"]
"""Ways to split a text: ``words`` as below, ``lucene`` as Lucene's English analysis (stop words, stems)."""

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Lower-cased runs of letters and digits of any script, in order; no stemming, no stop words.

    Text is brought to Unicode's NFKC form first, so that composed and decomposed accents agree.
    """
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return _WORD.findall(plain.lower())


def tokenizer(name: Tokens) -> Callable[[str], list[str]]:
    """The way to split a text that bears this name. Raises ``ConfigError`` where a package for it is missing."""
    if name == "words":
        return words
    from mem1.retrieval.bm25.lucene_tokens import lucene_tokens

    lucene_tokens("stems")  # a missing stemmer is told of now, not at the first passage
    return lucene_tokens
