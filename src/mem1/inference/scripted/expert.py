"""A scripted policy that knows the answers: it writes warm-start demonstrations through the episode loop.

It works as the trained policy is meant to: the page holds the answers still needed and what is being looked up
(``pages.py`` says in which form), a value is written only after it was read in an observation. Where the retriever did
not show the answer the expert says "unknown", so that its score is the share of questions whose answer can be found.

Questions of a dataset, of which only the answers are known, are looked up as they stand. Their answers can be any word
("no", "4"), so they are found only as whole words of a passage, not in the line above with the turns left.
"""

from __future__ import annotations

import random
import re
from collections import deque
from dataclasses import dataclass, field, replace
from typing import ClassVar

from mem1.inference.scripted.pages import Change, Item, Pages, edits, spoiled, write_list, write_page, write_summary
from mem1.retrieval.recall import held_answer
from mem1.tasks.coverage import givable
from mem1.tasks.numbering import end_of
from mem1.tasks.wording import ASKS, LAST
from mem1.types import Objective, Task

UNKNOWN = "unknown"
ASKED = {"summary": "<summary>", "note": "<note>"}  # what a side call's context ends with, by its purpose
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
class _Asked:
    """One question: its number, its searches, and the number whose answer it asks again; 0 where there is none.

    ``held``: the prompt does not list it.
    """

    number: int
    lookups: deque[_Lookup]
    recalls: int
    held: bool


@dataclass(slots=True)
class _Script:
    """What is left to do in one episode, and what stands on the page."""

    upfront: bool
    end: int  # the number after the last question
    open_end: bool  # the prompt does not say under that number what to do then
    objectives: deque[_Asked]
    asked: _Asked | None = None
    awaited: _Lookup | None = None
    found: tuple[str, str] = ("", UNKNOWN)  # the last answer: how it was noted when it was read, and the value
    items: dict[int, str] = field(default_factory=dict)
    pending: str = ""  # what the newest page says is being looked up
    turns: int = 0

    @property
    def done(self) -> bool:
        """Whether nothing is left to be looked up."""
        return self.asked is not None and not self.asked.lookups and not self.objectives and self.awaited is None

    @property
    def unanswered(self) -> bool:
        """Whether all was looked up for a question that is asked all the same: its answer was none."""
        return self.asked is not None and not self.asked.lookups and self.awaited is None

    def go_on(self) -> None:
        """The next question is asked, whatever became of the one before."""
        self.asked, self.awaited = self.objectives.popleft(), None

    def next_lookup(self) -> _Lookup:
        if self.asked is None or not self.asked.lookups:
            self.asked = self.objectives.popleft()
        self.awaited = self.asked.lookups.popleft()
        return self.awaited


class Expert:
    """Callable for ``ScriptedEngine``: (session, context text) -> text. ``enlist`` the tasks first.

    ``pages``: how it writes its page (see ``pages.py``). Values of tasks with numbered questions (asked upfront, or
    delayed) stand on a list under their numbers, and a number that is asked again stands behind what is pending. Of
    other questions nothing is kept once they are answered. What no longer stands in the context is lost to it too: its
    score is what budgets and turns allow.

    ``slips``: the share of its pages that it spoils, by an item that stands twice or in the wrong place. It puts the
    list in order again on the next page, or in the answer: what a learner should do with a spoiled page. ``slipped``
    says in which turns it did so, since those are not to be imitated, nor are turns that ask what the prompt does not
    list (``metadata["held"]``), nor the last one where the prompt does not end its list there (``metadata["ends"]``).
    ``lapses``: where pages are edited, the share of turns in which it does nothing that is an action, and of those in
    which it forgets to write what it looks up; both count as ``slipped``. After the first what it had looked up is
    not shown again, and it gives that question up; after the second it goes on by the list. ``given_up`` says how many
    questions of a session it did not find out.
    ``knows``: it writes values that it was not shown, in turns that are not to be imitated either, so that one search
    in vain does not spoil a long lesson.

    A context that ends with one of ``ASKED`` is a side call of its memory's. What it writes there holds the list and
    what is being looked up. It spoils some of those too: ``slipped_calls`` says in front of which turns.

    An answer that was cut off is none. Asked once more it answers again: with its list, or what it answered if that can
    still be read, or "unknown". Of questions that come one after the other it takes up the next one when the
    environment shows it, also where the turns of the one before ran out.
    """

    demonstrates: ClassVar[frozenset[str]] = frozenset(ASKED)  # side calls that are to be imitated, by purpose

    def __init__(
        self,
        *,
        observation_tag: str = "<information>",
        pages: Pages = "rewritten",
        slips: float = 0.0,
        lapses: float = 0.0,
        knows: bool = False,
        seed: int = 0,
    ) -> None:
        self._observation_tag = observation_tag
        self._pages: Pages = pages
        self._slips = slips
        self._lapses = lapses
        self._knows = knows
        self._rng = random.Random(f"slips {seed}")
        self.slipped: dict[str, set[int]] = {}
        self.slipped_calls: dict[str, set[int]] = {}
        self.given_up: dict[str, int] = {}
        self._scripts: dict[str, _Script] = {}

    def enlist(self, session: str, task: Task) -> None:
        """Prepare to work on ``task`` in ``session``."""
        upfront = task.reveal == "upfront"
        asked = (
            _Asked(
                number if upfront else objective.metadata.get("number", 0),
                deque(_lookups(objective)),
                objective.metadata.get("recalls", 0),
                objective.metadata.get("held", False),
            )
            for number, objective in enumerate(task.objectives, start=task.first)
        )
        end = task.first + task.size
        self._scripts[session] = _Script(upfront, end, end_of(task) != end, deque(asked))

    def __call__(self, session: str, context: str) -> str:
        """The page and the action for this turn, or a summary. Raises ``KeyError`` for a session not enlisted."""
        script = self._scripts[session]
        script.items = {number: one for number, one in script.items.items() if f"({number}) {one}" in context}
        for tag in ASKED.values():
            if context.endswith(tag):
                return self._summary(session, script, tag)
        shown = context[context.rfind(self._observation_tag) :]
        if not script.upfront and script.asked and script.objectives and ASKS in _first_line(shown):
            script.go_on()
        script.turns += 1
        if self._lapses and script.awaited and edits(self._pages) and self._rng.random() < self._lapses:
            return self._lapse(session, script, script.awaited)
        once_more = not script.upfront and script.unanswered
        read, value = self._given(script, context) if once_more else self._take_in(session, script, shown)
        if not script.upfront and value is not None:
            return self._answer(script, read, value)
        added = self._kept(script, value)
        before = tuple(item for item in script.items.items() if item not in added)
        was = bool(script.pending)
        if script.upfront and script.done:
            if script.open_end:
                self._leave_out(session, script)
            script.pending = f"({script.end}) {LAST}"
            end = Change(read, before, (), added, script.pending, was)
            return f"{write_page(end, self._pages)}<answer>{write_list(end.list, self._pages)}</answer>"
        lookup = script.next_lookup()
        assert script.asked is not None
        if script.asked.recalls:  # what was asked again by the question before is not needed any more
            script.items = {k: one for k, one in script.items.items() if k >= script.asked.recalls}
            before = tuple(item for item in before if item[0] >= script.asked.recalls)
        number = f"({script.asked.number}) " if script.asked.number else ""
        again = f", ({script.asked.recalls})" if script.asked.recalls else ""
        script.pending = f"{number}{lookup.pending}{again}"
        page = Change(read, before, (), added, script.pending, was)
        if script.asked.held:
            self._leave_out(session, script)
        if self._lapses and number and edits(self._pages) and self._rng.random() < self._lapses:
            page, script.pending = replace(page, pending=""), ""
            self._leave_out(session, script)
        elif page.list and self._slips and self._rng.random() < self._slips:
            page = spoiled(page, self._rng, self._pages)
            self._leave_out(session, script)
        return f"{write_page(page, self._pages)}<search> {lookup.query}</search>"

    def _summary(self, session: str, script: _Script, tag: str) -> str:
        """The list and what is being looked up, now and then with a mistake."""
        items = tuple(script.items.items())
        if items and self._slips and self._rng.random() < self._slips:
            items = spoiled(Change(items=items), self._rng, "rewritten").list
            self.slipped_calls.setdefault(session, set()).add(script.turns)
        return write_summary(items, script.pending, tag.replace("<", "</", 1))

    def _lapse(self, session: str, script: _Script, awaited: _Lookup) -> str:
        """A turn in which nothing is done: as a rule nothing changes, at times nonsense is kept as the value."""
        self._leave_out(session, script)
        word = self._rng.choice(awaited.query.split())
        nonsense = word + word[-self._rng.randint(1, 3) :] * self._rng.randint(0, 3)
        page = write_page(Change(f"{awaited.label}: {nonsense}"), self._pages).removesuffix("</think>")
        number = script.asked.number if script.asked else 0
        if script.upfront and number and script.asked is not None and self._rng.random() < 0.4:
            kept = Change(f"{awaited.label}: {nonsense}", added=((number, nonsense),), was_pending=True)
            page = write_page(kept, self._pages)
            script.items[number], script.pending, script.awaited = nonsense, "", None
            script.asked.lookups.clear()
            self._give_up(session)
        return f"{page}</search>"

    def _give_up(self, session: str) -> None:
        self.given_up[session] = self.given_up.get(session, 0) + 1

    def _leave_out(self, session: str, script: _Script) -> None:
        self.slipped.setdefault(session, set()).add(script.turns - 1)

    def _take_in(self, session: str, script: _Script, shown: str) -> tuple[str, str | None]:
        """What was read in the observation, as it is noted; and the value, where it completes an objective."""
        awaited, script.awaited = script.awaited, None
        if awaited is None or script.asked is None:
            return "", None
        value = _read(awaited, shown)
        if value == UNKNOWN and self._knows:
            value = awaited.wanted[0]
            self._leave_out(session, script)
        read = f"{awaited.label}: {value}" if awaited.label else value
        if script.asked.lookups and value != UNKNOWN:
            return read, None
        script.asked.lookups.clear()
        if value == UNKNOWN:
            self._give_up(session)
        return read, value

    def _given(self, script: _Script, context: str) -> tuple[str, str]:
        """What was answered before, as far as it can still be read."""
        read, value = script.found
        return (read, value) if read in context else ("", UNKNOWN)

    def _kept(self, script: _Script, value: str | None) -> tuple[Item, ...]:
        """What joins the list."""
        if value is None or script.asked is None or not script.asked.number:
            return ()
        script.items[script.asked.number] = value
        return ((script.asked.number, value),)

    def _answer(self, script: _Script, read: str, value: str) -> str:
        """The answer to one question, with what it asks again; the page keeps what is asked again later."""
        assert script.asked is not None
        script.found = read, value
        again = script.asked.recalls
        given = f"{value}, ({again}) {script.items.get(again, UNKNOWN)}" if again else value
        struck = (again,) if again in script.items and edits(self._pages) else ()
        if struck:
            script.items.pop(again, None)
        before = tuple(script.items.items())
        added = () if script.asked.number in script.items else self._kept(script, value)
        page = Change(read, before, struck, added, "", bool(script.pending))
        script.pending = ""
        return f"{write_page(page, self._pages)}<answer> {given}</answer>"


def _first_line(shown: str) -> str:
    """Where an environment speaks itself: in front of the passages."""
    return shown.partition(">")[2].lstrip().partition("\n")[0].partition("(Title:")[0]


def _read(awaited: _Lookup, shown: str) -> str:
    """What was looked for as it turned up in the observation, else ``UNKNOWN``."""
    if not awaited.as_words:
        return next((w for w in awaited.wanted if w.lower() in shown.lower()), UNKNOWN)
    passages = shown.partition("\n")[2].partition("</")[0]
    return held_answer(_NUMBER.sub("", passages), awaited.wanted) or UNKNOWN


def _lookups(objective: Objective) -> list[_Lookup]:
    """The searches an objective needs: two where the entity is described by a bridge value, else one."""
    facts = objective.metadata
    answers = tuple(facts.get("own", objective.answers))  # a delayed question accepts pairs
    about = facts.get("about") or (objective.standalone or objective.question).strip().rstrip("?")
    if "relation" not in facts:
        # Of the accepted answers one that can be given: ";" would split it.
        own = objective.model_copy(update={"answers": answers})
        return [_Lookup(about, about, givable(own), as_words=True)]
    if not facts.get("bridge"):
        return [_Lookup(about, about, answers, facts["relation"])]
    described = about.partition(f"{facts['relation']} of the ")[2]
    resolved = f"{facts['relation']} of {facts['entity']}"
    return [
        _Lookup(about, described, (facts["entity"],), "country"),
        _Lookup(resolved, resolved, answers, facts["relation"]),
    ]
