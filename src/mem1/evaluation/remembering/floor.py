"""What can be scored without keeping anything: the floor that a score about memory stands on."""

from __future__ import annotations

from collections.abc import Sequence

from mem1.evaluation.remembering.survival import FactHistory, Standing, turns_on
from mem1.types import Composition, Episode


def needing_nothing(episode: Episode, histories: Sequence[FactHistory]) -> list[float]:
    """The main score of each scored objective of ``episode`` if all that was kept had been forgotten (0 to 1 each).

    An objective keeps its score where the newest observation showed its answer in the turn that gave it, and where
    nothing older was asked: in ``delayed`` tasks the earlier answer must stand there too, in ``chained`` ones the
    answer before it when the question came. What a question's own second look-up needs of its first is not counted,
    so a policy that forgets has at most this. ``histories`` are those of ``survival``; objectives without one are 0.
    """
    score = episode.score
    if score is None:
        return []
    facts = {one.objective: one for one in histories}
    return [
        value if _forgettable(episode, index, facts) else 0.0
        for index, value in enumerate(score.metrics[score.main])
        if value is not None
    ]


def _forgettable(episode: Episode, index: int, facts: dict[int, FactHistory]) -> bool:
    task = episode.task
    worked = turns_on(episode, index)
    if not worked or not _shown(facts.get(index), worked[-1]):
        return False
    recalls = task.objectives[index].metadata.get("recalls")
    if isinstance(recalls, int) and not _shown(facts.get(recalls - task.first), worked[-1]):
        return False
    return task.composition is not Composition.CHAINED or index == 0 or _shown(facts.get(index - 1), worked[0])


def _shown(fact: FactHistory | None, turn: int) -> bool:
    return fact is not None and turn < len(fact.turns) and fact.turns[turn] is Standing.SHOWN
