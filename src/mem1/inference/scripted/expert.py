"""A scripted policy that knows the answers: it writes warm-start demonstrations through the episode loop.

It works as the trained policy is meant to: the page holds the answers still needed and what is being looked up,
a value is written only after it was read in an observation. Words stand after a blank, as they do in running text, so
that they have the same tokens where they are copied. Where the retriever did not show the answer the expert says
"unknown", so that its score is the share of questions whose answer can be found.

Questions of a dataset, of which only the answers are known, are looked up as they stand. Their answers can be any word
("no", "4"), so they are found only as whole words of a passage, not in the line above with the turns left.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from mem1.retrieval.recall import held_answer
from mem1.tasks.coverage import givable
from mem1.types import Objective, Task

UNKNOWN = "unknown"
_NUMBER = re.compile(r"^Doc \d+ ?\(Title:", re.MULTILINE)  # what the environment puts in front of a passage


@dataclass(slots=True)
class _Lookup:
    """One search: what the page says is pending, the query, the strings one of which should turn up, their label."""

    pending: str
    query: str
    wanted: tuple[str, ...]
    label: str = ""
    as_words: bool = False


@dataclass(slots=True)
class _Script:
    """What is left to do in one episode."""

    upfront: bool
    objectives: deque[list[_Lookup]]
    lookups: deque[_Lookup] = field(default_factory=deque)
    awaited: _Lookup | None = None
    notes: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    passing: str = ""  # a value that is needed for the next lookup only


class Expert:
    """Callable for ``ScriptedEngine``: (session, context text) -> text. ``enlist`` the tasks first."""

    def __init__(self, *, observation_tag: str = "<information>") -> None:
        self._observation_tag = observation_tag
        self._scripts: dict[str, _Script] = {}

    def enlist(self, session: str, task: Task) -> None:
        """Prepare to work on ``task`` in ``session``."""
        self._scripts[session] = _Script(
            upfront=task.reveal == "upfront", objectives=deque(_lookups(o) for o in task.objectives)
        )

    def __call__(self, session: str, context: str) -> str:
        """The page and the action for this turn. Raises ``KeyError`` for a session that was not enlisted."""
        script = self._scripts[session]
        shown = context[context.rfind(self._observation_tag) :]
        finished = self._take_in(script, shown)
        if finished and not (script.upfront and script.objectives):
            return self._answer(script)
        if not script.lookups:
            script.lookups.extend(script.objectives.popleft())
        script.awaited = script.lookups.popleft()
        known = "; ".join([*script.notes, *filter(None, [script.passing])])
        script.passing = ""
        page = f"{known} ? {script.awaited.pending}".lstrip()
        return f"<think> {page}</think><search> {script.awaited.query}</search>"

    def _take_in(self, script: _Script, shown: str) -> bool:
        """Read the observation; True where it completed an objective."""
        awaited, script.awaited = script.awaited, None
        if awaited is None:
            return False
        value = _read(awaited, shown)
        note = f"{awaited.label}: {value}" if awaited.label else value
        if script.lookups and value != UNKNOWN:
            script.passing = note
            return False
        script.lookups.clear()
        script.notes.append(note)
        script.found.append(value)
        return True

    def _answer(self, script: _Script) -> str:
        page, given = "; ".join(script.notes), "; ".join(script.found)
        script.notes.clear()
        script.found.clear()
        return f"<think> {page}</think><answer> {given}</answer>"


def _read(awaited: _Lookup, shown: str) -> str:
    """What was looked for as it turned up in the observation, else ``UNKNOWN``."""
    if not awaited.as_words:
        return next((w for w in awaited.wanted if w.lower() in shown.lower()), UNKNOWN)
    passages = shown.partition("\n")[2].partition("</")[0]
    return held_answer(_NUMBER.sub("", passages), awaited.wanted) or UNKNOWN


def _lookups(objective: Objective) -> list[_Lookup]:
    """The searches an objective needs: two where the entity is described by a bridge value, else one."""
    facts = objective.metadata
    about = facts.get("about") or (objective.standalone or objective.question).strip().rstrip("?")
    if "relation" not in facts:
        # Of the accepted answers one that can be given: ";" would split it.
        return [_Lookup(about, about, givable(objective), as_words=True)]
    if not facts.get("bridge"):
        return [_Lookup(about, about, objective.answers, facts["relation"])]
    described = about.partition(f"{facts['relation']} of the ")[2]
    resolved = f"{facts['relation']} of {facts['entity']}"
    return [
        _Lookup(about, described, (facts["entity"],), "country"),
        _Lookup(resolved, resolved, objective.answers, facts["relation"]),
    ]


def enlist_all(expert: Expert, requests: Iterable[tuple[str, Task]]) -> None:
    """Enlist many (session, task) pairs."""
    for session, task in requests:
        expert.enlist(session, task)
