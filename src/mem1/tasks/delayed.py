"""Delayed recall: each question also asks for the answer that was given some questions earlier.

Questions come one after the other and bear numbers, and from the ``delay``-th on each asks for its own answer and for
that to the question ``delay`` before. So the answers of the last ``delay`` questions have to be kept, whatever the
number of questions: what must be remembered is constant, and forgetting costs.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice, product

from mem1.types import Objective

_MOST = 64  # accepted answers: every pair of what either question accepts, up to so many


def delayed(objectives: Sequence[Objective], delay: int, *, first: int = 1) -> list[Objective]:
    """``objectives`` as numbered questions, each with the answer asked ``delay`` questions earlier in it.

    An answer is then "own, earlier", or "own, (number) earlier". The first number is ``first``. ``metadata`` has the
    question's ``number``, and ``recalls``, the number whose answer is asked again. Raises ``ValueError`` for a delay
    under 1.
    """
    if delay < 1:
        raise ValueError(f"an answer is recalled 1 or more questions later, got {delay}")
    return [
        _numbered(one, first + index, objectives[index - delay] if index >= delay else None, delay)
        for index, one in enumerate(objectives)
    ]


def _numbered(own: Objective, number: int, earlier: Objective | None, delay: int) -> Objective:
    about = (own.standalone or own.question).strip().rstrip("?")
    metadata = {"about": about, **own.metadata, "number": number}
    question = f"({number}) {own.question}"
    if earlier is None:
        return own.model_copy(update={"question": question, "metadata": metadata})
    back = number - delay
    both = islice(product(own.answers, earlier.answers), _MOST)
    return own.model_copy(
        update={
            "id": f"{own.id}~{earlier.id}",
            "question": f"{question} And what was the answer to ({back})?",
            "answers": tuple(
                answer for mine, theirs in both for answer in (f"{mine}, {theirs}", f"{mine}, ({back}) {theirs}")
            ),
            "metadata": metadata | {"recalls": back, "own": list(own.answers)},
        }
    )
