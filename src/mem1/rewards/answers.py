"""From the one text of an answer to the answers of the objectives."""

from __future__ import annotations

from typing import NamedTuple, TypeGuard

SEPARATOR = ";"


class SplitAnswers(NamedTuple):
    """One answer per objective (``None`` where the text ended before it), and how many pieces were left over."""

    answers: tuple[str | None, ...]
    extra: int


def split_answers(text: str, count: int) -> SplitAnswers:
    """Split ``text`` on ``;`` for ``count`` objectives; piece i answers objective i.

    Pieces are stripped. A blank piece keeps its place as ``""``. Everything beyond ``count`` is extra,
    blank or not, because the released script refuses a trailing ``;`` too.
    """
    pieces = [piece.strip() for piece in text.split(SEPARATOR)]
    missing = max(0, count - len(pieces))
    return SplitAnswers((*pieces[:count], *[None] * missing), max(0, len(pieces) - count))


def given(answer: str | None) -> TypeGuard[str]:
    """Whether there is an answer at all: neither missing nor blank."""
    return answer is not None and bool(answer.strip())
