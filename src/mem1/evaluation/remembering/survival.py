"""What became of each answer that a policy found: in which contexts it stood, and where it was lost.

Worked out from the recorded contexts alone, so that it holds for every memory and every recorded run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from mem1.evaluation.remembering.pages import Seen, Text, pages
from mem1.evaluation.remembering.words import marked, phrases, said, spoiled, words
from mem1.types import Composition, Episode, Objective, Record, ToolCall

T = TypeVar("T")


class Standing(StrEnum):
    """How an answer stood to what a turn could read."""

    UNSEEN = "unseen"  # no look-up has shown it yet
    SHOWN = "shown"  # the newest observation shows it
    HELD = "held"  # it stands in what the memory kept
    LOST = "lost"  # it was shown once, and stands nowhere any more


class Fate(StrEnum):
    """What became of an answer in the end; of two that fit, the first."""

    ANSWERED = "answered"  # given, and right, when it was due
    NOT_FOUND = "not found"  # no look-up showed it
    NOT_WRITTEN = "not written"  # shown, but it stood in no context after that observation was gone
    CORRUPTED = "corrupted"  # stood there once; when due there was something else in its place, or nearly it
    DROPPED = "dropped"  # stood there once, and not when it was due
    NOT_ANSWERED = "not answered"  # could be read when it was due, and was not given


class FactHistory(Record):
    """One answer through an episode. Turns are counted from 0, objectives too.

    ``found``: the turn whose look-up showed it; ``None``: none did. ``due``: the turn in which it was needed: the last
    one of the episode where one answer is given for all, else the last that worked on its question, or on the later
    question that asks for it again. ``turns`` has its standing in the context of every turn. ``lost``: the first turn
    up to ``due`` from which on it stood in no context.
    """

    objective: int
    found: int | None
    due: int
    turns: tuple[Standing, ...]
    fate: Fate
    lost: int | None = None

    @property
    def there(self) -> bool:
        """Whether it could be read when it was due."""
        return bool(self.turns) and self.turns[self.due] in (Standing.SHOWN, Standing.HELD)


def survival(episode: Episode, text: Text) -> tuple[FactHistory, ...]:
    """The history of the answer to each objective of ``episode``; plain data by ``model_dump(mode="json")``.

    ``text`` spells token ids out: the tokenizer's ``decode``, or that of a run's vocabulary. Objectives whose accepted
    answers have no word in them are left out. An answer stands in a text where its words do; in a page with numbered
    items, ``(3) Lima``, those of other numbers do not count. Two objectives with the same answer need it twice. What
    the words also stand for (a country that is one question's answer and another's subject) cannot be told apart.
    """
    facts = [fact for k, one in enumerate(episode.task.objectives) if (fact := _fact(episode, k, one)) is not None]
    found = _findings(episode, facts)
    seen = list(pages(episode, text))
    standings: dict[int, list[Standing]] = {fact.objective: [] for fact in facts}
    for turn, now in enumerate(seen):
        held = _held(now, [fact for fact in facts if _before(found.get(fact.objective), turn)], found)
        for fact in facts:
            standings[fact.objective].append(_standing(fact, now, turn, found.get(fact.objective), held))
    accepted = {phrase for fact in facts for phrase in fact.phrases}
    return tuple(
        _history(episode, fact, found.get(fact.objective), standings[fact.objective], seen, accepted) for fact in facts
    )


@dataclass(frozen=True, slots=True)
class _Fact:
    """What is to be remembered of one objective."""

    objective: int
    number: int
    question: frozenset[str]
    answers: tuple[str, ...]
    phrases: tuple[str, ...]
    due: int
    asks: int  # the objective in whose answer it is due


def _fact(episode: Episode, index: int, objective: Objective) -> _Fact | None:
    answers = _own(objective)
    wanted = phrases(answers)
    if not wanted:
        return None
    due, asks = _due(episode, index)
    return _Fact(
        objective=index,
        number=episode.task.first + index,
        question=frozenset(words(objective.standalone or objective.question)),
        answers=answers,
        phrases=wanted,
        due=due,
        asks=asks,
    )


def _own(objective: Objective) -> tuple[str, ...]:
    """The accepted answers to the question itself, without what it recalls."""
    own = objective.metadata.get("own")
    texts = tuple(one for one in own if isinstance(one, str)) if isinstance(own, list | tuple) else ()
    return texts or objective.answers


def _due(episode: Episode, index: int) -> tuple[int, int]:
    """The turn in which the answer to an objective is due, and the objective in whose answer."""
    task, asks = episode.task, index
    if task.reveal != "upfront" and task.composition is Composition.DELAYED:
        number = task.first + index
        asks = next((k for k, one in enumerate(task.objectives) if one.metadata.get("recalls") == number), index)
    worked = turns_on(episode, asks)
    return (worked[-1] if worked else max(0, len(episode.turns) - 1)), asks


def turns_on(episode: Episode, objective: int) -> Sequence[int]:
    """The turns that worked on an objective; where one answer is given for all, the last one of the episode."""
    turns = range(len(episode.turns))
    if episode.task.reveal == "upfront":
        return turns[-1:]
    return [turn for turn in turns if episode.turns[turn].objective == objective]


def _findings(episode: Episode, facts: Sequence[_Fact]) -> dict[int, int]:
    """For each objective the turn whose look-up found its answer, if any.

    Of the look-ups that showed it the one whose words are most like the question's, the first of equals; one look-up
    finds the answer of one objective only, of those that accept the same.
    """
    candidates: list[tuple[int, int, int, _Fact]] = []
    for turn, one in enumerate(episode.turns):
        if not isinstance(one.action, ToolCall) or not one.observation or one.by_memory:
            continue
        shown, asked = marked(one.observation), frozenset(words(one.action.text))
        candidates += (
            (-len(asked & fact.question), turn, fact.objective, fact)
            for fact in facts
            if said(fact.phrases, shown) and (episode.task.reveal == "upfront" or one.objective == fact.objective)
        )
    found: dict[int, int] = {}
    taken: dict[int, set[str]] = {}
    for _, turn, objective, fact in sorted(candidates, key=lambda one: one[:3]):
        if objective not in found and not taken.setdefault(turn, set()).intersection(fact.phrases):
            found[objective] = turn
            taken[turn].update(fact.phrases)
    return found


def _before(found: int | None, turn: int) -> bool:
    return found is not None and found < turn


def _held(now: Seen, facts: Sequence[_Fact], found: dict[int, int]) -> set[int]:
    """The objectives among ``facts`` whose answers the page holds.

    What stands under no number counts for as many objectives as it stands there, those found first before others.
    """
    held = {fact.objective for fact in facts if now.page.says(fact.number, fact.phrases)}
    used: dict[str, int] = {}
    for fact in sorted(facts, key=lambda fact: found[fact.objective]):
        if fact.objective in held:
            continue
        free = next((one for one in fact.phrases if now.page.rest.count(one) > used.get(one, 0)), None)
        if free is not None:
            used[free] = used.get(free, 0) + 1
            held.add(fact.objective)
    return held


def _standing(fact: _Fact, now: Seen, turn: int, found: int | None, held: set[int]) -> Standing:
    if not _before(found, turn):
        return Standing.UNSEEN
    if turn - 1 == found or said(fact.phrases, now.fresh):
        return Standing.SHOWN
    return Standing.HELD if fact.objective in held else Standing.LOST


def _history(
    episode: Episode,
    fact: _Fact,
    found: int | None,
    standings: Sequence[Standing],
    seen: Sequence[Seen],
    accepted: set[str],
) -> FactHistory:
    until = standings[: fact.due + 1]
    lost = _lost(until)
    if _answered(episode, fact):
        fate = Fate.ANSWERED
    elif found is None or not until or until[-1] is Standing.UNSEEN:
        fate = Fate.NOT_FOUND
    elif lost is None:
        fate = Fate.NOT_ANSWERED
    elif Standing.HELD not in until:
        fate = Fate.NOT_WRITTEN
    else:
        fate = Fate.CORRUPTED if _replaced(fact, seen[lost], accepted) else Fate.DROPPED
    return FactHistory(
        objective=fact.objective, found=found, due=fact.due, turns=tuple(standings), fate=fate, lost=lost
    )


def _lost(standings: Sequence[Standing]) -> int | None:
    """The first turn of those at the end in which it is lost."""
    start = len(standings)
    while start and standings[start - 1] is Standing.LOST:
        start -= 1
    return start if start < len(standings) else None


def _replaced(fact: _Fact, now: Seen, accepted: set[str]) -> bool:
    """Whether something else stands in the answer's place, or nearly the answer."""
    if any(now.page.items.get(fact.number, ())):
        return True
    return spoiled(fact.answers, now.page.text, accepted)


def _answered(episode: Episode, fact: _Fact) -> bool:
    """Whether it was given when it was due: by the score, else (unscored, or asked for again) by its words."""
    score, answer = episode.score, _at(episode.answers, fact.asks)
    if score is not None and (value := _at(score.metrics[score.main], fact.asks)) is not None:
        if value >= 1:
            return True
        if fact.asks == fact.objective:
            return False
    return isinstance(answer, str) and bool(said(fact.phrases, marked(answer)))


def _at(values: Sequence[T], index: int) -> T | None:
    return values[index] if index < len(values) else None
