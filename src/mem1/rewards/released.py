"""The scoring of MEM1's published evaluation script, for comparison with its figures only."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.rewards.exact_match import exact_match
from mem1.rewards.f1 import f1_set
from mem1.rewards.normalise import normalise_released
from mem1.rewards.standard import given
from mem1.types import Score, Task


class ReleasedScorer:
    """All objectives score 0 unless there are exactly as many answers as objectives.

    A blank answer counts as one there, as it does in the script; so does a trailing ``;`` as one too many.
    """

    @property
    def name(self) -> str:
        """Recorded with every score."""
        return "mem1-released"

    def __call__(self, task: Task, answers: Sequence[str | None], *, extra_answers: int = 0) -> Score:
        """Score one answer per objective. Raises ``ValueError`` when their numbers differ."""
        pairs = list(zip(task.objectives, answers, strict=True))
        complete = extra_answers == 0 and all(answer is not None for answer in answers)
        em = (exact_match(answer or "", one.answers, normalise_released) if complete else 0.0 for one, answer in pairs)
        f1 = (f1_set(answer or "", one.answers) if complete else 0.0 for one, answer in pairs)
        return Score(
            metrics={"em": tuple(em), "f1": tuple(f1)},
            answered=tuple(given(answer) for answer in answers),
            extra_answers=extra_answers,
            scorer=self.name,
        )
