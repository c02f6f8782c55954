"""Whether the answers of a dataset can be given at all in the form in which answers are given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from mem1.rewards.normalise import normalise_standard
from mem1.rewards.standard import SEPARATOR
from mem1.types import Objective


class Coverage(NamedTuple):
    """Of one source: its objectives, how many can be answered, and the ids of the first that cannot."""

    source: str
    objectives: int
    answerable: int
    examples: tuple[str, ...]


def givable(objective: Objective) -> tuple[str, ...]:
    """The accepted answers that can be given: not blank once normalised, and without the sign that separates answers.

    Where questions are asked upfront one text holds all answers, so an answer with ";" in it would be split.
    """
    return tuple(answer for answer in objective.answers if SEPARATOR not in answer and normalise_standard(answer))


def coverage(objectives: Iterable[Objective]) -> list[Coverage]:
    """Coverage by source, in order of appearance; an objective that comes twice counts once."""
    seen = {objective.id: objective for objective in objectives}
    sources: dict[str, list[Objective]] = {}
    for objective in seen.values():
        sources.setdefault(objective.source, []).append(objective)
    found = []
    for source, rows in sources.items():
        lost = [row.id for row in rows if not givable(row)]
        found.append(Coverage(source, len(rows), len(rows) - len(lost), tuple(lost[:5])))
    return found
