"""What the policy is asked in order to see what it holds of the answers. No torch here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from mem1.types import Task


@dataclass(frozen=True, slots=True)
class Probe:
    """An answer as the policy would write it: ``token_ids``, and where in them each accepted answer stands."""

    token_ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]


Probes = Callable[[Task, int], Probe]
"""For a task and the objective (counted from 0) that the reading turn works on: all answers where all are asked at
once, else that objective's."""


class Encodes(Protocol):
    """The part of a tokenizer that is needed."""

    def encode(self, text: str) -> list[int]:
        """Token ids of ``text``, nothing put around them."""


def answer_probes(tokenizer: Encodes, opening: str) -> Probes:
    """Probes that begin with ``opening`` (``<answer>``) and go on with the first accepted answer of each objective.

    Several are numbered and separated as environments take them: ``(1) Lima;(2) Accra``. Pieces are encoded one by one,
    so that it is known which tokens are whose.
    """

    def probe(task: Task, objective: int) -> Probe:
        upfront = task.reveal == "upfront"
        asked = range(task.size) if upfront else range(objective, objective + 1)
        ids, spans = list(tokenizer.encode(opening)), []
        for place, index in enumerate(asked):
            if upfront and task.size > 1:
                ids += tokenizer.encode(f"{';' if place else ''}({task.first + index})")
            answer = tokenizer.encode(f" {task.objectives[index].answers[0]}")
            spans.append((len(ids), len(ids) + len(answer)))
            ids += answer
        return Probe(tuple(ids), tuple(span for span in spans if span[1] > span[0]))

    return probe
