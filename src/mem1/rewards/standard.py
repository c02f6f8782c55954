"""The field's scoring: SQuAD, Search-R1, FlashRAG; and how one text becomes the answers to score."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeGuard

from mem1.rewards.exact_match import exact_match
from mem1.rewards.f1 import f1_multiset
from mem1.rewards.normalise import normalise_standard
from mem1.types import Score, Task

SEPARATOR = ";"


class SplitAnswers(NamedTuple):
    """One answer per objective (``None`` where the text ended before it), and how many pieces were left over."""

    answers: tuple[str | None, ...]
    extra: int


def split_answers(text: str, count: int, *, first: int = 1) -> SplitAnswers:
    """Split ``text`` on ``;`` for ``count`` objectives; piece i answers objective i. A single answer is not split.

    Where every piece bears a number, as prompts that number their questions invite, a piece answers the objective of
    its number: ``(k)`` in any order, ``k.`` where they count from 1 on (a league can be called "2. Liga"). Of two
    pieces with the same number the first counts, and a ``;`` behind the last ends it. ``first``: the number of the
    first objective.

    Pieces are stripped. A blank piece keeps its place as ``""``. Everything beyond ``count`` is extra,
    blank or not, because the released script refuses a trailing ``;`` too.
    """
    pieces = [piece.strip() for piece in (text.split(SEPARATOR) if count > 1 else [text])]
    numbered = _numbered(pieces, count, first)
    if numbered is not None:
        return numbered
    missing = max(0, count - len(pieces))
    return SplitAnswers((*pieces[:count], *[None] * missing), max(0, len(pieces) - count))


_KEY = re.compile(r"\((\d{1,4})\)\s*")
_COUNTED = re.compile(r"(\d{1,4})\.\s+")


def _numbered(pieces: Sequence[str], count: int, first: int) -> SplitAnswers | None:
    """The answers by number; ``None`` where a piece bears none. A last ``;`` ends the last of them."""
    shown = pieces[:-1] if len(pieces) > 1 and not pieces[-1] else pieces
    keys = [_KEY.match(piece) for piece in shown]
    if count == 1 and (keys[0] is None or int(keys[0][1]) != first):
        return None
    if not all(keys):
        keys = [_COUNTED.match(piece) for piece in shown]
        if any(key is None or int(key[1]) != i for i, key in enumerate(keys, start=first)):
            return None
    answers: list[str | None] = [None] * count
    extra = 0
    for key, piece in zip(keys, shown, strict=True):
        if key is None:
            return None
        at = int(key[1]) - first
        if 0 <= at < count and answers[at] is None:
            answers[at] = piece[key.end() :].removesuffix(SEPARATOR)
        else:
            extra += 1
    return SplitAnswers(tuple(answers), extra)


def given(answer: str | None) -> TypeGuard[str]:
    """Whether there is an answer at all: neither missing nor blank."""
    return answer is not None and bool(answer.strip())


def usable(golds: Sequence[str], normalise: Callable[[str], str] = normalise_standard) -> tuple[str, ...]:
    """The accepted answers that something is left of once normalised; the others accept nothing."""
    return tuple(gold for gold in golds if normalise(gold))


class StandardScorer:
    """Each objective by itself; one that is not answered (missing or blank) scores 0, extra answers are reported.

    An accepted answer of which normalising leaves nothing ("---", "The") accepts nothing; an objective with no other
    cannot be scored (``None``).
    """

    def __init__(self, name: str = "standard", normalise: Callable[[str], str] = normalise_standard) -> None:
        self._name = name
        self._normalise = normalise

    @property
    def name(self) -> str:
        """Recorded with every score."""
        return self._name

    def __call__(self, task: Task, answers: Sequence[str | None], *, extra_answers: int = 0) -> Score:
        """Score one answer per objective. Raises ``ValueError`` when their numbers differ."""
        pairs = list(zip(task.objectives, answers, strict=True))
        both = [self._one(objective.answers, answer) for objective, answer in pairs]
        return Score(
            metrics={"em": tuple(em for em, _ in both), "f1": tuple(f1 for _, f1 in both)},
            answered=tuple(given(answer) for answer in answers),
            extra_answers=extra_answers,
            scorer=self.name,
        )

    def _one(self, answers: Sequence[str], answer: str | None) -> tuple[float | None, float | None]:
        golds = usable(answers, self._normalise)
        if not golds:
            return None, None
        if not given(answer):
            return 0.0, 0.0
        return exact_match(answer, golds, self._normalise), f1_multiset(answer, golds, self._normalise)
