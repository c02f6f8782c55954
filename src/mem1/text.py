"""What in a text could become structure, and its harmless form.

Two places take in text that others wrote: the prompt takes a dataset's questions, the memory an environment's
observations. Both break every ``<``: blanks, capitals and nesting give endless spellings of a tag, so none of them is
looked for.
"""

from __future__ import annotations

import re

# The sign itself and the two that Unicode compatibility normalisation (which some tokenizers do) would turn into it.
LESS_THAN = "<\N{FULLWIDTH LESS-THAN SIGN}\N{SMALL LESS-THAN SIGN}"
LOOK_ALIKE = "\N{SINGLE LEFT-POINTING ANGLE QUOTATION MARK}"
BROKEN = "\N{REPLACEMENT CHARACTER}"


def breaking(look_alike: str) -> dict[int, str]:
    """A table for ``str.translate``: every ``<`` becomes ``look_alike``.

    Lone surrogates, which are not text and which tokenizers refuse, become the sign for broken characters.
    """
    return {**dict.fromkeys(map(ord, LESS_THAN), look_alike), **dict.fromkeys(range(0xD800, 0xE000), BROKEN)}


_TABLE = breaking(LOOK_ALIKE)


def without_tags(text: str) -> str:
    """``text`` with every ``<`` broken; of the same length, and unchanged where there is none."""
    return text.translate(_TABLE)


def well_formed(text: str) -> str:
    """``text`` with lone surrogates, as JSON may hold them, replaced by the sign for broken characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


# Control characters but tab and newline, marks that reorder text, and halves of surrogate pairs.
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def spelled_out(text: str) -> str:
    """``text`` with the characters written as their numbers that would hide, reorder or break what stands around."""
    return _UNSEEN.sub(lambda found: f"[U+{ord(found.group()):04X}]", text)
