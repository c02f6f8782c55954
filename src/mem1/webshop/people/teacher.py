"""People as a teacher: their logged sessions are lived once more in the episode loop, with a page written by rule.

A person keeps no page for a policy to imitate. What stands on it here is what the rule-based shopper would note: the
wanted options that are still to be chosen, and the price limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mem1.errors import DataError
from mem1.tasks.base import Source, Split
from mem1.tasks.compose import make_task
from mem1.types import Composition, Objective, Task
from mem1.webshop.people.log import PersonSession, read_sessions
from mem1.webshop.shop.moves import Click, Search, published_move
from mem1.webshop.shopper import Wish, read_wish

_SPLITS: tuple[Split, ...] = ("train", "dev", "test")


class Follower:
    """Callable for ``ScriptedEngine``: writes what a person did, step by step, and a page to it."""

    def __init__(self, sessions: Sequence[PersonSession]) -> None:
        self._sessions = sessions
        self._next: dict[str, Iterator[str]] = {}

    def enlist(self, session: str, number: int) -> None:
        """Tell that the engine's session lives the person's session ``number``."""
        self._next[session] = _written(self._sessions[number])

    def __call__(self, session: str, context: str) -> str:
        """The page and the action for this turn; nothing where the person had stopped."""
        return next(self._next[session], "")


def people_teach(path: Path, sources: Sequence[Source]) -> tuple[list[Task], Follower]:
    """The tasks that people worked on, in the log's order, and who does there what they did.

    Raises ``DataError`` where the log is damaged, is empty, or tells of an errand that the sources do not have.
    """
    sessions = list(read_sessions(path))
    if not sessions:
        raise DataError("the log holds no session", where=str(path), hint="shop with `mem1 serve webshop --log` first")
    splits = ((source, split) for source in sources for split in _SPLITS)
    known = {one.id: one for source, split in splits for one in source.objectives(split)}
    tasks = [_task(known, session, f"{path}, session {number}") for number, session in enumerate(sessions)]
    return tasks, Follower(sessions)


def _task(known: dict[str, Objective], session: PersonSession, place: str) -> Task:
    objective = known.get(session.objective)
    if objective is None or objective.question != session.instruction:
        raise DataError(
            f"the recipe's shop has no errand {session.objective!r} of these words: {session.instruction[:60]!r}",
            where=place,
            hint=f"use the [source] it was shopped with: {session.shop}",
        )
    return make_task([objective], Composition.SEQUENTIAL, session.split)


def _written(session: PersonSession) -> Iterator[str]:
    wish = read_wish(session.instruction)
    left = _all(wish)
    for step in session.steps:
        move = published_move(step.action)
        page = f"<think> {'; '.join(left)}{_limit(wish)}</think>"
        match move:
            case Search(query=words):
                left = _all(wish)
                yield f"{page}<search> {words}</search>"
            case Click(target=target):
                yield f"{page}<click> {target}</click>"
                chosen = _value(wish, target)
                left = [one for one in left if one != chosen]
                left = left if "buy now" in step.offered else _all(wish)
            case None:
                raise DataError(f"{step.action[:60]!r} is no action", where=session.objective, hint="mend the log")


def _value(wish: Wish, target: str) -> str:
    """The wanted value that a click chooses; a value that is named like a button is clicked with its name in front."""
    return next((value for name, value in wish.options if target in (value, f"{name}: {value}")), target)


def _all(wish: Wish) -> list[str]:
    return [value for _, value in wish.options]


def _limit(wish: Wish) -> str:
    return "" if wish.limit is None else f" below {wish.limit:g}"
