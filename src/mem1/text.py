"""What in a text could become structure, and its harmless form; and what can be kept at all.

Two places take in text that others wrote: the prompt takes a dataset's questions, the memory an environment's
observations. Both break every ``<``: blanks, capitals and nesting give endless spellings of a tag, so none of them is
looked for.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

from mem1.errors import DataError

# The sign itself and those that normalisation (which some tokenizers do) would turn into it: the two of Unicode's
# compatibility forms, and the one that is the sign with an accent, where accents are stripped.
LESS_THAN = "<\N{FULLWIDTH LESS-THAN SIGN}\N{SMALL LESS-THAN SIGN}\N{NOT LESS-THAN}"
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


# ---------------------------------------------------------------- what can be kept

DEEPEST = 100
"""Levels of lists and objects in one value: readers of JSON stop at 200 or so, and a record holds it some way down."""


def check_storable(value: object, where: str, *, hint: str = "correct it there") -> None:
    """Refuse at a door what could not be written as JSON and read back the same: the one rule for every door.

    Text is well-formed (no halves of surrogate pairs), numbers are finite, names are texts, nothing is nested deeper
    than ``DEEPEST``, and nothing is of a type that JSON lacks (bytes, dates, arrays).

    Raises ``DataError`` with ``where`` and the keys that lead to the culprit.
    """
    why = unstorable(value)
    if why is not None:
        raise DataError(why, where=where, hint=hint)


def unstorable(value: object) -> str | None:
    """Why ``value`` cannot be written as JSON and read back (see ``check_storable``); ``None`` where it can."""
    if type(value) is str and value.isascii():
        return None
    waiting: list[tuple[str, int, object]] = [("", 0, value)]
    while waiting:
        path, depth, one = waiting.pop()
        why = _wrong(one, depth)
        if why is not None:
            return f"{path}: {why}" if path else why
        if isinstance(one, dict | list | tuple):
            waiting += ((f"{path}{step}", depth + 1, inner) for step, inner in _inside(one, path))
    return None


def _wrong(one: object, depth: int) -> str | None:
    """What keeps a value from being kept, whatever is inside it."""
    match one:
        case None | bool() | int():
            return None
        case str():
            return None if _encodes(one) else "the text holds half a surrogate pair"
        case float():
            return None if math.isfinite(one) else f"the number {one} is not finite"
        case dict() | list() | tuple():
            if isinstance(one, dict) and not all(isinstance(key, str) and _encodes(key) for key in one):
                return "an object's names must be well-formed texts"
            return None if depth < DEEPEST else f"nested deeper than {DEEPEST} levels"
        case _:
            return f"holds a value of type {type(one).__name__}, which JSON has no form for"


def _inside(one: dict[str, Any] | list[Any] | tuple[Any, ...], path: str) -> Iterator[tuple[str, object]]:
    if isinstance(one, dict):
        dot = "." if path else ""
        yield from ((f"{dot}{key}", inner) for key, inner in one.items())
    else:
        yield from ((f"[{index}]", inner) for index, inner in enumerate(one))


def _encodes(text: str) -> bool:
    try:
        return text.isascii() or bool(text.encode())
    except UnicodeEncodeError:
        return False


_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}


def decoded(data: bytes, where: str, *, hint: str = "save it as UTF-8") -> str:
    """The text of a whole file, or of a line of one, in UTF-8; a byte order mark in front is dropped.

    Raises ``DataError`` that names the encoding which it has more likely.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"not UTF-8 but {_encoding(data)} (byte {error.start})", where=where, hint=hint) from error


def _encoding(data: bytes) -> str:
    for mark, name in _MARKS.items():
        if data.startswith(mark):
            return name
    if data.count(0) > len(data) // 4:
        return "UTF-16 or binary"
    return "another encoding, most likely Latin-1 or Windows-1252"
