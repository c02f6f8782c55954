"""What changed between two states, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

# Beyond this many words a comparison takes longer than a reader would wait for a page.
MAX_WORDS = 3000

Kind = Literal["same", "new", "gone"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of text and what happened to it."""

    kind: Kind
    text: str


def changes(before: str, after: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """``before`` with what is gone marked, and ``after`` with what is new marked.

    The pieces of each side, joined, are that side's text exactly. Texts of more than ``MAX_WORDS``
    words are marked as wholly gone and wholly new.
    """
    left, right = _words(before), _words(after)
    if max(len(left), len(right)) > MAX_WORDS:
        return _one("gone", before), _one("new", after)
    old: list[Piece] = []
    new: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        same = tag == "equal"
        old += _one("same" if same else "gone", "".join(left[a:b]))
        new += _one("same" if same else "new", "".join(right[c:d]))
    return tuple(old), tuple(new)


def merged(before: str, after: str) -> tuple[Piece, ...]:
    """Both texts in one: what is gone stands in front of what came in its place.

    The pieces that are not new, joined, are ``before`` exactly; those that are not gone are ``after``.
    """
    left, right = _words(before), _words(after)
    if max(len(left), len(right)) > MAX_WORDS:
        return _one("gone", before) + _one("new", after)
    found: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        if tag == "equal":
            found += _one("same", "".join(left[a:b]))
        else:
            found += _one("gone", "".join(left[a:b])) + _one("new", "".join(right[c:d]))
    return tuple(found)


def _words(text: str) -> list[str]:
    """Words with the space behind them, so that nothing is lost and spaces alone never match."""
    return re.findall(r"\s+|\S+\s*", text)


def _one(kind: Kind, text: str) -> tuple[Piece, ...]:
    return (Piece(kind, text),) if text else ()
