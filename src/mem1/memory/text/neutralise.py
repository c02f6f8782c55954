"""Making untrusted text harmless before it enters a context.

Text from an environment may hold our tags or the tokenizer's special strings. Blanks, capitals and
nesting give an attacker endless spellings of a tag, so none of them is looked for: **every** ``<``
becomes a look-alike. Without that sign there is no tag and no remnant of one that some later
removal could join into a tag. Special strings that do without ``<`` lose their first character.
Nothing is removed, so a reader still sees what was written. Lone surrogates, which are not text and
which tokenizers refuse, become the sign for broken characters.

What counts in the end is what the tokenizer makes of a text: it may fold full-width letters, strip accents and
invisible characters, or replace whatever its maker liked. So ids are looked at once more: where they write a ``<`` or
a special string, or hold a control token, the text that they write is neutralised in its turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mem1.errors import ModelError
from mem1.inference.base import Tokenizer, verbatim
from mem1.text import BROKEN, LOOK_ALIKE, breaking

_LOOK_ALIKES = LOOK_ALIKE + "\N{MATHEMATICAL LEFT ANGLE BRACKET}("
_MARKS = "\N{MIDDLE DOT}\N{BULLET}" + BROKEN
_BYTE = re.compile("<0x[0-9A-F]{2}>")
_ROUNDS = 4
_NOWHERE = "\U000f0000\U0010fffd"  # private use: what a tokenizer makes of them is what it makes of the unknown
_WINDOW = 64  # tokens; no special string is longer


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

    def dangerous(self, text: str) -> bool:
        """Whether ``text`` holds what this would break."""
        return "<" in text or (self._special is not None and self._special.search(text) is not None)


class SafeEncoder:
    """Untrusted text to token ids that hold no control token and write neither a ``<`` nor a special string.

    Args:
        tokenizer: The policy's.
        control_strings: What must not be written, beside the tokenizer's special strings.
    """

    def __init__(self, tokenizer: Tokenizer, control_strings: Sequence[str] = ()) -> None:
        self._tokenizer = tokenizer
        self._neutralise = Neutraliser((*tokenizer.special_strings, *control_strings))
        self._verbatim = verbatim(tokenizer)
        # Names of bytes control nothing: they write what has no token of its own, and are judged by what they write.
        named = (text for text in tokenizer.special_strings if text.strip() and not _BYTE.fullmatch(text))
        single = [tokenizer.encode(text) for text in named]
        # The token for what has no token means nothing, and no text can be kept from it.
        known = frozenset(ids[0] for ids in single if len(ids) == 1)
        self._unknown = known.intersection(tokenizer.encode(_NOWHERE))
        self._control = known - self._unknown

    def __call__(self, text: str) -> tuple[int, ...]:
        """The ids of ``text``, neutralised."""
        text = self._neutralise(text)
        ids = self._tokenizer.encode(text)
        if self._verbatim:
            return tuple(ids)
        for _ in range(_ROUNDS):
            if not self._forged(ids):
                return tuple(ids)
            ids = self._tokenizer.encode(self._neutralise(self._tokenizer.decode(ids)))
        return self._sifted(ids)

    def _forged(self, ids: Sequence[int]) -> bool:
        """Whether ``ids`` hold a control token or write what could be one; each stretch between unknowns by itself."""
        if not self._control.isdisjoint(ids):
            return True
        stretch: list[int] = []
        for token in (*ids, None):
            if token is not None and token not in self._unknown:
                stretch.append(token)
            elif stretch:
                if self._neutralise.dangerous(self._tokenizer.decode(stretch)):
                    return True
                stretch = []
        return False

    def _sifted(self, ids: Sequence[int]) -> tuple[int, ...]:
        """The last resort, for a tokenizer that makes a forgery of its own remedy: leave out what completes one."""
        kept: list[int] = []
        for token in ids:
            if not self._forged([*kept[-_WINDOW:], token]):
                kept.append(token)
        return tuple(kept)


def _first_free(candidates: str, used: set[str]) -> str:
    for character in candidates:
        if character not in used:
            return character
    raise ModelError(
        f"the tokenizer's special strings contain all of {' '.join(candidates)}",
        where="tokenizer",
        hint="use a tokenizer whose special strings leave one of these signs free",
    )
