"""The field's scoring: SQuAD, Search-R1, FlashRAG; and how one text becomes the answers to score."""

from __future__ import annotations

from collections.abc import Sequence
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


class StandardScorer:
    """Each objective by itself; one that is not answered (missing or blank) scores 0, extra answers are reported."""

    @property
    def name(self) -> str:
        """Recorded with every score."""
        return "standard"

    def __call__(self, task: Task, answers: Sequence[str | None], *, extra_answers: int = 0) -> Score:
        """Score one answer per objective. Raises ``ValueError`` when their numbers differ."""
        pairs = list(zip(task.objectives, answers, strict=True))
        return Score(
            em=tuple(
                exact_match(answer, objective.answers, normalise_standard) if given(answer) else 0.0
                for objective, answer in pairs
            ),
            f1=tuple(f1_multiset(answer, objective.answers) if given(answer) else 0.0 for objective, answer in pairs),
            answered=tuple(given(answer) for answer in answers),
            extra_answers=extra_answers,
            scorer=self.name,
        )
