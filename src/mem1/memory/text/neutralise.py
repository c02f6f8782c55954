"""Making untrusted text harmless before it enters a context.

Text from an environment may hold our tags or the tokenizer's special strings. Blanks, capitals and
nesting give an attacker endless spellings of a tag, so none of them is looked for: **every** ``<``
becomes a look-alike. Without that sign there is no tag and no remnant of one that some later
removal could join into a tag. Special strings that do without ``<`` lose their first character.
Nothing is removed, so a reader still sees what was written. Lone surrogates, which are not text and
which tokenizers refuse, become the sign for broken characters.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mem1.errors import ModelError
from mem1.text import BROKEN, LOOK_ALIKE, breaking

_LOOK_ALIKES = LOOK_ALIKE + "\N{MATHEMATICAL LEFT ANGLE BRACKET}("
_MARKS = "\N{MIDDLE DOT}\N{BULLET}" + BROKEN


class Neutraliser:
    """A function from untrusted text to text that no tokenizer turns into a control token.

    Applying it twice changes nothing more. The length in characters stays the same. Tokens for runs
    of blanks, which some tokenizers list among their special strings, control nothing and stay.

    Args:
        special_strings: What the tokenizer turns into control tokens.

    Raises:
        ModelError: The special strings use up every replacement sign.
    """

    def __init__(self, special_strings: Sequence[str]) -> None:
        used = {character for text in special_strings for character in text.casefold()}
        self._table = breaking(_first_free(_LOOK_ALIKES, used))
        self._mark = _first_free(_MARKS, used)
        others = sorted((text for text in special_strings if text.strip() and "<" not in text), key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, others)), re.IGNORECASE) if others else None

    def __call__(self, text: str) -> str:
        """``text`` with every ``<`` and every special string broken."""
        text = text.translate(self._table)
        if self._special is None:
            return text
        # A replaced character is never part of a special string, so each round leaves fewer that could be.
        while self._special.search(text):
            text = self._special.sub(lambda match: self._mark + match[0][1:], text)
        return text


def _first_free(candidates: str, used: set[str]) -> str:
    for character in candidates:
        if character not in used:
            return character
    raise ModelError(
        f"the tokenizer's special strings contain all of {' '.join(candidates)}",
        where="tokenizer",
        hint="use a tokenizer whose special strings leave one of these signs free",
    )
